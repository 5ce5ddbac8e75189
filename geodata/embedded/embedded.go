// Package embedded is the geo table that comes inside the binary, so that a name server without any database still
// sends clients to a site near them: squares of half a degree, country and ISP line for every /24 and /56.
//
// It stands beside geodata/mmdb as the other source of a geodata.Table. The name server and the CLI open it if the
// operator names no database. table.tidegeo is made by the generate folder's program from the packages that it pins; two
// runs give equal bytes.
//
// The data is DB-IP City Lite and an AS list of RouteViews and DB-IP, under CC BY 4.0: a page that shows results of it
// has to name db-ip.com and link to it, and NOTICE credits both.
package embedded

import (
	_ "embed"
	"fmt"

	"tidegate.dev/tidegate/geodata"
)

//go:embed table.tidegeo
var file []byte

// Open decodes the table, which takes a few hundred milliseconds: callers open it once and share it.
func Open() (*geodata.Table, error) {
	table, err := geodata.Decode(file)
	if err != nil {
		return nil, fmt.Errorf("open the embedded geo table: %w", err)
	}
	return table, nil
}
