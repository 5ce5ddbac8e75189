package geodata_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
)

// lists are how many rows the sources of a table say. What the rows say of most addresses is the same in all tables.
type lists struct {
	list, other         string // the sources' names; none is not listed
	rows, others, known int
}

func (l lists) table(t *testing.T) *geodata.Table {
	t.Helper()
	var b geodata.Builder
	fill := func(layer *geodata.Layer, from, n int) {
		for i := range n {
			add(t, layer, network{fmt.Sprintf("20.%d.%d.0/24", from+i/256, i%256), country("DE")})
		}
	}
	if l.list != "" {
		fill(b.Source(l.list), 0, l.rows)
	}
	if l.other != "" {
		fill(b.Source(l.other), 10, l.others)
	}
	if l.known > 0 {
		fill(b.Resolvers("op.yaml"), 0, l.known)
	}
	add(t, b.Source("base"), network{"20.0.0.0/8", country("DE")})
	return build(t, &b)
}

// A list that is cut in half says less, even where nobody is in another place for it.
func TestAcceptAsksEverySource(t *testing.T) {
	full := lists{list: "a.csv", rows: 1000, other: "b.csv", others: 200, known: 300}
	for _, tt := range []struct {
		name   string
		change func(*lists)
		says   string // "": accepted
	}{
		{"the same", func(*lists) {}, ""},
		{"a fifth less", func(l *lists) { l.rows = 800 }, ""},
		{"more than that", func(l *lists) { l.rows = 799 }, "a.csv: 799 after 1000 is -20.1 %, the limit is -20 %"},
		{"twice as much", func(l *lists) { l.rows = 2000 }, ""},
		{"half of the second", func(l *lists) { l.others = 100 }, "b.csv: 100 after 200 is -50.0 %"},
		{"no resolvers any more", func(l *lists) { l.known = 0 }, "resolvers of op.yaml: 0 after 300 is -100.0 %"},
		{"other names", func(l *lists) { l.list, l.other = "a2.csv", "b2.csv" }, ""},
		{"half of it under another name", func(l *lists) { l.other, l.others = "b2.csv", 100 }, "b.csv: 100 after 200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := full
			tt.change(&next)
			err := geodata.Accept(full.table(t), next.table(t))
			if tt.says == "" && err != nil || tt.says != "" && (!errors.Is(err, geodata.ErrRows) || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("Accept = %v, want %q", err, tt.says)
			}
		})
	}
	few, fewer := lists{list: "a.csv", rows: 99}, lists{list: "a.csv", rows: 1}
	if err := geodata.Accept(few.table(t), fewer.table(t)); err != nil {
		t.Errorf("a short list that was edited: %v", err)
	}
}

// Rows are those of the sources, also where two say one thing. A table that was read from its file has none.
func TestSourceRows(t *testing.T) {
	var b geodata.Builder
	add(t, b.Source("a"), network{"20.0.0.0/24", country("DE")}, network{"20.0.1.0/24", country("DE")}, network{"20.0.1.0/24", country("DE")})
	stream := b.Stream("b")
	ref, err := stream.Ref(country("DE"))
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"20.0.0.0/24", "20.0.1.0/24"} {
		if err := stream.Add(netip.MustParsePrefix(prefix), ref); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.AddRange(netip.MustParseAddr("2a00::"), netip.MustParseAddr("2a00::ffff"), ref); err != nil {
		t.Fatal(err)
	}
	add(t, b.Override("o"), network{"20.0.0.0/8", line("x")})
	if err := b.RTT("o").Add(netip.MustParsePrefix("20.0.0.0/8"), []geodata.SiteRTT{{Site: "fra"}}); err != nil {
		t.Fatal(err)
	}
	table := build(t, &b)
	want := "[{a  3} {b  3} {o overrides 1} {o round-trip times 1}]"
	var plain []string
	for _, s := range table.SourceRows() {
		plain = append(plain, fmt.Sprintf("{%s %s %d}", s.Name, s.Kind, s.Rows))
	}
	if got := fmt.Sprint(plain); got != want {
		t.Errorf("SourceRows = %s, want %s", got, want)
	}
	var file strings.Builder
	if err := table.Encode(&file); err != nil {
		t.Fatal(err)
	}
	decoded, err := geodata.Decode([]byte(file.String()))
	if err != nil || decoded.SourceRows() != nil || geodata.Accept(decoded, table) != nil || geodata.Accept(table, decoded) != nil {
		t.Errorf("decoded: %v, %v", decoded.SourceRows(), err)
	}
}
