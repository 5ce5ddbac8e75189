package lines

import (
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

func TestDefaultISPs(t *testing.T) {
	isps, err := DefaultISPs()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]gslb.Line{
		"电信": "telecom", "联通": "unicom", "移动": "mobile", "铁通": "mobile", "教育网": "edu", "鹏博士": "drpeng",
		"科技网": "cstnet", "广电": "btvn", "歌华": "btvn", "中国联通": "unicom", "CHINA TELECOM": "telecom", "Chinanet ": "telecom",
		"电信/骨干网": "telecom", "IDC/电信": "telecom", "电信/电信CN2": "telecom", " 移动 / 铁通 ": "mobile",
		"电信/联通": gslb.NoLine, "移动/鹏博士": gslb.NoLine,
		"中华电信": gslb.NoLine, "China Mobile Hong Kong": gslb.NoLine, "Comcast Cable": gslb.NoLine,
		"0": gslb.NoLine, "": gslb.NoLine, "/": gslb.NoLine,
	} {
		if got := isps.Line(name); got != want {
			t.Errorf("Line(%q) = %q, want %q", name, got, want)
		}
	}
}

// Both lists speak of the same lines, so that a place has one line whichever database names its operator.
func TestBothListsHaveTheSameLines(t *testing.T) {
	isps, err := DefaultISPs()
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	byNumber, byName := map[gslb.Line]bool{}, map[gslb.Line]bool{}
	for _, entry := range numbers.Entries() {
		byNumber[entry.Line] = true
	}
	for _, line := range isps.lines {
		byName[line] = true
		if !byNumber[line] {
			t.Errorf("line %q has ISP names and no AS numbers", line)
		}
	}
	for line := range byNumber {
		if !byName[line] {
			t.Errorf("line %q has AS numbers and no ISP names", line)
		}
	}
}

// An English name of the list we ship has its line from lines.txt, where the database's own name stands.
func TestEnglishNamesHaveASource(t *testing.T) {
	isps, err := DefaultISPs()
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range isps.lines {
		isPartOf := func(e Entry) bool {
			return e.Line == line && strings.Contains(strings.ToLower(e.Organisation), name)
		}
		if english := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789 ().") == ""; english && !slices.ContainsFunc(numbers.Entries(), isPartOf) {
			t.Errorf("no holder on line %q in lines.txt is called %q", line, name)
		}
	}
}

func TestParseISPs(t *testing.T) {
	tests := []struct{ name, text, isp, want, wantErr string }{
		{"a name with blanks", "# head\n\nown  Our Own Net \r\n", "our own net", "own", ""},
		{"a stroke inside a listed name", "own A/B\n", "a/b", "own", ""},
		{"no name", "\nown\n", "", "", "row 2: no name"},
		{"no line", "电信\n", "", "", `row 1: line "电信"`},
		{"twice", "own X\nedu x\n", "", "", `row 2: the name is on line "own" already`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			isps, err := ParseISPs(tt.text)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("ParseISPs = %v, want an error with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := isps.Line(tt.isp); string(got) != tt.want {
				t.Errorf("Line(%q) = %q, want %q", tt.isp, got, tt.want)
			}
		})
	}
}
