package worldfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

func readTestdata(path string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", path)) }

// TestGood compares what a file means with the golden file beside it.
func TestGood(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m := parseFile(t, path)
			got, err := json.MarshalIndent(m, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".golden.json"
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
				t.Errorf("%s differs from %s (-update writes it anew):\n%s", path, golden, got)
			}
		})
	}
}

func parseFile(t *testing.T, path string) *plan.Map {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(data, readTestdata)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Equal worlds have one digest, in whatever order and notation they are written.
func TestOrderAndNotationDoNotMatter(t *testing.T) {
	const one = `
sites: [{name: a, location: {lat: 1, lon: 2}}, {name: b, location: {lat: 3, lon: 4}}]
zones: [{name: edge.example., nameservers: [ns1.edge.example.]}]
services:
- {name: x.edge.example., endpoints: [{site: a, capacity: 1, address: 192.0.2.1}]}
- {name: y.edge.example., endpoints: [{site: b, capacity: 1.5, addresses: [{address: 192.0.2.3}, {address: 192.0.2.2}]}]}
`
	const other = `
services:
- {name: Y.EDGE.example, ttl: 30s, endpoints: [{site: b, capacity: 1.500, addresses: [{address: 192.0.2.2}, {address: 192.0.2.3}]}]}
- {name: x.edge.example, steering: {method: proximity}, endpoints: [{site: a, capacity: "1.0", addresses: [{address: 192.0.2.1}]}]}
zones: [{nameservers: [ns1.edge.example], name: edge.example}]
sites: [{name: b, location: {lat: 3.0, lon: 4.00}}, {name: a, location: {lon: 2, lat: 1}}]
`
	if a, b := digest(t, one), digest(t, other); a != b {
		t.Errorf("digests %s and %s differ", a, b)
	}
}

func digest(t *testing.T, text string) plan.Digest {
	t.Helper()
	m, err := Parse([]byte(text), readTestdata)
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return plan.DigestOf(data)
}

func TestTooLarge(t *testing.T) {
	if _, err := Parse(make([]byte, MaxBytes+1), readTestdata); err == nil || !strings.Contains(err.Error(), "the limit is") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, glob := range []string{"testdata/good/*.yaml"} {
		files, _ := filepath.Glob(glob)
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	for _, c := range wrongFiles {
		f.Add([]byte(c.text))
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("---\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data, func(string) ([]byte, error) { return nil, errors.New("no files here") })
		if err != nil {
			if strings.Contains(err.Error(), "worldfile.") || strings.TrimSpace(err.Error()) == "" {
				t.Fatalf("an error for no reader: %q", err)
			}
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Decode(again); err != nil {
			t.Fatalf("what Parse took, Decode refuses: %v", err)
		}
	})
}
