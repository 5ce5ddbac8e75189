package geodata

// SourceRows is how many networks a source said, as they stand in its file: before units, and before other sources.
type SourceRows struct {
	Name string
	// Kind tells the lists of one file apart: "" for a database, or "overrides", "resolvers", "round-trip times".
	Kind string
	Rows int
}

// The kinds of a source's lists.
const (
	kindOverrides = "overrides"
	kindResolvers = "resolvers"
	kindRTT       = "round-trip times"
)

func (s SourceRows) String() string {
	if s.Kind == "" {
		return s.Name
	}
	return s.Kind + " of " + s.Name
}

// SourceRows are the rows of the sources that Build laid together, in the order in which they were added. They are not
// in a table's file: Decode returns a table without any.
func (t *Table) SourceRows() []SourceRows { return t.rows }

// counter is the rows of a layer that a Builder has.
type counter struct {
	name, kind string
	rows       func() int
}

// count notes a layer's counter.
func (b *Builder) count(name, kind string, rows func() int) {
	b.counters = append(b.counters, counter{name, kind, rows})
}

func (b *Builder) sourceRows() []SourceRows {
	var all []SourceRows
	for _, c := range b.counters {
		all = append(all, SourceRows{c.name, c.kind, c.rows()})
	}
	return all
}

// SourceChange is a source with its rows in two tables.
type SourceChange struct {
	SourceRows // before
	After      int
}

// changes pairs the sources of two tables: those of one name and kind, then those whose file has another name now, in
// their order. What is left of the first has no rows in the second. Tables that were decoded have none to compare.
func changes(before, after []SourceRows) []SourceChange {
	if len(before) == 0 || len(after) == 0 {
		return nil
	}
	taken := make([]bool, len(after))
	partner := func(fits func(SourceRows) bool) int {
		for i, s := range after {
			if !taken[i] && fits(s) {
				taken[i] = true
				return i
			}
		}
		return -1
	}
	pairs := make([]int, len(before))
	for i, b := range before {
		pairs[i] = partner(func(a SourceRows) bool { return a.Name == b.Name && a.Kind == b.Kind })
	}
	list := make([]SourceChange, len(before))
	for i, b := range before {
		if pairs[i] < 0 {
			pairs[i] = partner(func(a SourceRows) bool { return a.Kind == b.Kind })
		}
		list[i].SourceRows = b
		if pairs[i] >= 0 {
			list[i].After = after[pairs[i]].Rows
		}
	}
	return list
}
