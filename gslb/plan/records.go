package plan

import (
	"fmt"
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
		owner := gslb.Name(strings.ToLower(rr.Header().Name))
		if !owner.Under(zone) {
			return nil, fmt.Errorf("%s: %s is outside of zone %s", file, owner, zone)
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
