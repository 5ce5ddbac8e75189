package operator

import (
	"fmt"
	"net/netip"
	"strconv"

	"go.yaml.in/yaml/v3"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// finest is the length of the longest prefixes of a list, and why longer ones are refused.
type finest struct {
	bits4, bits6 int
	err          error
}

// nat64 is the well-known prefix of RFC 6052 section 2.1.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func (p *parser) prefix(n *yaml.Node, finest finest) netip.Prefix {
	s := p.text(n)
	if s == "" {
		return netip.Prefix{}
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		p.fail(n, "prefix %q: want one such as 192.0.2.0/24 or 2001:db8::/56", s)
		return netip.Prefix{}
	}
	bits := finest.bits6
	if prefix.Addr().Is4() {
		bits = finest.bits4
	}
	switch {
	case prefix.Addr().Is4In6():
		p.fail(n, "prefix %s: write the IPv4 prefix itself", s)
	case nat64.Overlaps(prefix) && prefix.Bits() >= nat64.Bits():
		p.fail(n, "prefix %s: clients behind NAT64 are placed by the IPv4 address in theirs: write the IPv4 prefix", s)
	case prefix.Bits() > bits:
		p.fail(n, "prefix %s is longer than /%d: %w", s, bits, finest.err)
	case prefix.Masked() != prefix:
		p.fail(n, "prefix %s has bits behind its length: did you mean %v?", s, prefix.Masked())
	default:
		return prefix
	}
	return netip.Prefix{}
}

func (p *parser) location(n *yaml.Node) (l gslb.Location) {
	found := 0
	degrees := func(into *int32, limit int64) func(*yaml.Node) {
		return func(n *yaml.Node) {
			found++
			s := p.text(n)
			micro, _, err := gslb.ParseDecimal(s, 6)
			switch {
			case s == "": // told already
			case err != nil:
				p.fail(n, "%q: want degrees such as 50.11", s)
			case micro > limit*1_000_000 || micro < -limit*1_000_000:
				p.fail(n, "%s: want -%d to %d", s, limit, limit)
			default:
				*into = int32(micro)
			}
		}
	}
	p.mapping(n, keys{"lat": degrees(&l.LatMicro, 90), "lon": degrees(&l.LonMicro, 180)})
	if n.Kind == yaml.MappingNode && found < 2 {
		p.fail(n, "a location has two numbers: want {lat: 50.11, lon: 8.68}")
	}
	return l
}

// country, region and line are checked as the table will.

func (p *parser) country(n *yaml.Node) string {
	return p.checked(n, func(s string) geodata.Place { return geodata.Place{Country: s} })
}

func (p *parser) region(n *yaml.Node) string {
	return p.checked(n, func(s string) geodata.Place { return geodata.Place{Region: s} })
}

func (p *parser) line(n *yaml.Node) gslb.Line {
	return gslb.Line(p.checked(n, func(s string) geodata.Place { return geodata.Place{Line: gslb.Line(s)} }))
}

func (p *parser) checked(n *yaml.Node, place func(string) geodata.Place) string {
	s := p.text(n)
	if s == "" {
		return ""
	}
	if err := place(s).Check(); err != nil {
		p.fail(n, "%w", err)
		return ""
	}
	return s
}

func (p *parser) sites(n *yaml.Node) (times []geodata.SiteRTT) {
	p.entries(n, func(key, value *yaml.Node) {
		if err := gslb.CheckLabel(key.Value); err != nil {
			p.fail(key, "site %q: %w", key.Value, err)
			return
		}
		s := p.text(value)
		milliseconds, err := strconv.ParseUint(s, 10, 16)
		if err != nil && s != "" {
			p.fail(value, "%q: want whole milliseconds from 0 to 65535", s)
		}
		times = append(times, geodata.SiteRTT{Site: gslb.SiteID(key.Value), Milliseconds: uint16(milliseconds)})
	})
	return times
}

// duplicates knows on which line a prefix stands.
type duplicates map[netip.Prefix]int

// once fails for a prefix that the list has already.
func (p *parser) once(seen duplicates, item *yaml.Node, prefix netip.Prefix) {
	if line, twice := seen[prefix]; twice && prefix.IsValid() {
		p.fail(item, "%v is listed on line %d already: keep one of them", prefix, line)
		return
	}
	seen[prefix] = item.Line
}

// fail notes what is wrong where.
func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.problems = append(p.problems, fmt.Errorf("line %d: %w", max(n.Line, 1), fmt.Errorf(format, args...)))
}
