package gslb

import (
	"errors"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	name253 := strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	for _, c := range []struct {
		in   string
		want Name // empty: refused
	}{
		{"chat.edge.example.", "chat.edge.example."},
		{"Chat.EDGE.example", "chat.edge.example."},
		{"_dmarc.edge.example", "_dmarc.edge.example."},
		{"xn--bcher-kva.example", "xn--bcher-kva.example."},
		{"a", "a."},
		{"0.1.2", "0.1.2."},
		{label63 + ".example", Name(label63 + ".example.")},
		{name253, Name(name253 + ".")},
		{name253 + ".", Name(name253 + ".")},
		{name253 + "c", ""},
		{label63 + "a.example", ""},
		{"", ""}, {".", ""}, {"..", ""}, {"a..b", ""}, {".a", ""}, {"a..", ""},
		{"-a.example", ""}, {"a-.example", ""}, {"*.example", ""}, {"a b.example", ""}, {`a\.b.example`, ""},
		{"bücher.example", ""},
		{"\u212aube.example", ""}, // the Kelvin sign, whose lower case is k
		{"a\xff.example", ""}, {"a\x00.example", ""}, {"a.example\n", ""},
	} {
		got, err := ParseName(c.in)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, ErrName) {
			t.Errorf("ParseName(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"chat.edge.example.", "A", "", ".", "a..b", "\u212a", "a\\.b", strings.Repeat("a.", 127)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseName(s)
		if err != nil {
			return
		}
		if again, err := ParseName(string(name)); err != nil || again != name {
			t.Errorf("%q became %q, and that %q, %v", s, name, again, err)
		}
		if !strings.EqualFold(strings.TrimSuffix(s, "."), strings.TrimSuffix(string(name), ".")) || len(name) > 254 {
			t.Errorf("%q became %q", s, name)
		}
	})
}

func TestUnderAndParent(t *testing.T) {
	for _, c := range []struct {
		name, zone Name
		want       bool
	}{
		{"edge.example.", "edge.example.", true},
		{"a.edge.example.", "edge.example.", true},
		{"a.b.edge.example.", "edge.example.", true},
		{"edge.example.", "a.edge.example.", false},
		{"hedge.example.", "edge.example.", false},
		{"a.example.", "edge.example.", false},
		{`x\.edge.example.`, "edge.example.", false},
		{`x\.edge.example.`, "example.", true},
		{`x\\.edge.example.`, "edge.example.", true},
		{"example.", ".", true},
		{".", ".", true},
		{".", "example.", false},
	} {
		if got := c.name.Under(c.zone); got != c.want {
			t.Errorf("%s under %s: %v, want %v", c.name, c.zone, got, c.want)
		}
	}
	for name, want := range map[Name]Name{
		"a.b.": "b.", "b.": ".", ".": ".", `a\.b.c.`: "c.", `a\\.b.`: "b.", `\.`: ".", `a\`: ".",
	} {
		if got := name.Parent(); got != want {
			t.Errorf("parent of %s: %s, want %s", name, got, want)
		}
	}
}
