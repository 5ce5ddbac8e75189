package lines

import (
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

func TestDefault(t *testing.T) {
	list, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[ASN]gslb.Line{
		4134: "telecom", 4809: "telecom", 4812: "telecom", 23724: "telecom",
		4837: "unicom", 4808: "unicom", 9929: "unicom", 17621: "unicom", 17623: "unicom",
		9808: "mobile", 24400: "mobile", 56040: "mobile", 58453: "mobile",
		4538: "edu", 23910: "edu", 17964: "drpeng", 17429: "btvn", 7497: "cstnet",
		3320: gslb.NoLine, // Deutsche Telekom
		0:    gslb.NoLine,
	}
	for asn, want := range tests {
		if got := list.Line(asn); got != want {
			t.Errorf("AS %d is on line %q, want %q", asn, got, want)
		}
	}
}

// Every entry of the list we ship names the holder that it was confirmed with, and no line is misspelt.
func TestDefaultEntries(t *testing.T) {
	list, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	known := map[gslb.Line]int{"telecom": 0, "unicom": 0, "mobile": 0, "edu": 0, "drpeng": 0, "btvn": 0, "cstnet": 0}
	for _, entry := range list.Entries() {
		if _, ok := known[entry.Line]; !ok || entry.Organisation == "" {
			t.Errorf("entry %+v: want a known line and an organisation", entry)
		}
		known[entry.Line]++
	}
	for line, entries := range known {
		if entries == 0 {
			t.Errorf("line %q has no entries", line)
		}
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, text string
		want       []Entry
		wantErr    string
	}{
		{"entries", "# head\n\n1 edu  Some University \n2 own\n", []Entry{{1, "edu", "Some University"}, {2, "own", ""}}, ""},
		{"windows", "1 edu x\r\n", []Entry{{1, "edu", "x"}}, ""},
		{"no line", "1\n", nil, `row 1: line ""`},
		{"no number", "# x\nAS1 edu x\n", nil, `row 2: AS number "AS1"`},
		{"zero", "0 edu x\n", nil, `row 1: AS number "0"`},
		{"too large", "4294967296 edu x\n", nil, `row 1: AS number "4294967296"`},
		{"capital letters", "1 Edu x\n", nil, `row 1: line "Edu"`},
		{"twice", "1 edu x\n1 own x\n", nil, `row 2: AS 1 is on line "edu" already`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := Parse(tt.text)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("Parse = %v, want an error with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := list.Entries()
			if len(got) != len(tt.want) {
				t.Fatalf("Parse = %v, want %v", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("entry %d is %+v, want %+v", i, got[i], tt.want[i])
				}
			}
		})
	}
}
