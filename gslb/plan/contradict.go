package plan

import (
	"fmt"
	"net/netip"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// LineOf is the line that a geo table knows of an address, gslb.NoLine if it knows none.
func LineOf(table *geodata.Table, addr netip.Addr) gslb.Line {
	place, _ := table.Lookup(addr)
	return table.Place(place).Line
}

// Contradiction is an address with a declared line that is not the one that the geo table knows. The declared one is
// used: its operator should know, but may have mistyped it.
type Contradiction struct {
	Service         gslb.Name
	Site            gslb.SiteID
	Addr            netip.Addr
	Declared, Known gslb.Line
}

func (c Contradiction) String() string {
	return fmt.Sprintf("%s, site %s: %s is declared to be on line %s and the geo data has it on line %s: line %s is used",
		c.Service, c.Site, c.Addr, c.Declared, c.Known, c.Declared)
}

// Contradictions lists what addresses of a map declare against a geo table, at most limit. DefaultLine contradicts
// nothing: such an address is reached by all lines alike.
func (m *Map) Contradictions(table *geodata.Table, limit int) (list []Contradiction) {
	for _, s := range m.Services {
		for _, e := range s.Endpoints {
			for _, a := range e.Addresses {
				known, contradicted := a.contradicted(table)
				if !contradicted {
					continue
				}
				if len(list) == limit {
					return list
				}
				list = append(list, Contradiction{s.Name, e.Site, a.Addr, a.Line, known})
			}
		}
	}
	return list
}

func (a Address) contradicted(table *geodata.Table) (known gslb.Line, yes bool) {
	if a.Line == gslb.NoLine || a.Line == gslb.DefaultLine {
		return gslb.NoLine, false
	}
	known = LineOf(table, a.Addr)
	return known, known != gslb.NoLine && known != a.Line
}
