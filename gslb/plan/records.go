package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb"
)

// MaxRecords bounds the static records of a zone.
const MaxRecords = 1_000_000

// ParseRecords reads the static records of a zone from RFC 1035 master-file text and returns them one per line, names
// absolute. Errors say the line; $INCLUDE is not followed.
func ParseRecords(zone gslb.Name, text, file string) ([]string, error) {
	parser := dns.NewZoneParser(strings.NewReader(text), string(zone), file)
	parser.SetDefaultTTL(3600)
	var records []string
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if err := checkRecord(zone, rr); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if records = append(records, rr.String()); len(records) > MaxRecords {
			return nil, fmt.Errorf("%s: more than %d records", file, MaxRecords)
		}
	}
	if err := parser.Err(); err != nil {
		return nil, fmt.Errorf("read zone file: %w", err)
	}
	return records, nil
}

// ParseRecord reads one static record of a zone, as Zone.Records has it. A directive is refused: a map that came over
// the network must not read this machine's files.
func ParseRecord(zone gslb.Name, line string) (dns.RR, error) {
	if strings.HasPrefix(line, "$") || strings.Contains(line, "\n") {
		return nil, fmt.Errorf("record %q: want one record in one line", line)
	}
	parser := dns.NewZoneParser(strings.NewReader(line), string(zone), "")
	rr, ok := parser.Next()
	if err := parser.Err(); err != nil {
		return nil, fmt.Errorf("record %q: %w", line, err)
	}
	if !ok {
		return nil, fmt.Errorf("record %q: nothing in it", line)
	}
	return rr, checkRecord(zone, rr)
}

// Owners are the names that have static records in the zone, sorted.
func (z *Zone) Owners() []gslb.Name {
	var owners []gslb.Name
	for _, line := range z.Records {
		owner, _, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		if !strings.HasSuffix(owner, ".") {
			owner += "." + string(z.Name)
		}
		owners = append(owners, gslb.Name(dns.CanonicalName(owner)))
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// checkRecord says why a zone cannot have a record.
func checkRecord(zone gslb.Name, rr dns.RR) error {
	header := rr.Header()
	owner := gslb.Name(dns.CanonicalName(header.Name))
	switch {
	case !owner.Under(zone):
		return fmt.Errorf("%s is outside of zone %s", owner, zone)
	case header.Class != dns.ClassINET:
		return fmt.Errorf("%s: class %s, want IN", owner, dns.ClassToString[header.Class])
	case header.Rrtype == dns.TypeSOA && owner != zone:
		return fmt.Errorf("%s: only the zone %s itself has an SOA record", owner, zone)
	case header.Rrtype == dns.TypeNSEC3 || header.Rrtype == dns.TypeNSEC3PARAM:
		return fmt.Errorf("%s: NSEC3 records of a zone that was signed elsewhere cannot be served", owner)
	}
	return nil
}
