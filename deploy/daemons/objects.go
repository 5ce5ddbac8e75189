package daemons

import (
	"fmt"
	"strings"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// siteFacts is what the plan's places are on the map.
var siteFacts = map[string]struct{ lat, lon, region, line string }{
	"fra": {"50.11", "8.68", "eu", "default"},
	"pek": {"39.90", "116.40", "cn-north", "telecom"},
	"iad": {"38.95", "-77.45", "us-east", "default"},
}

// objects describes the zone and the sites to the hub, in YAML.
func objects(plan layout.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: tidegate.dev/v1alpha1\nkind: Zone\nmetadata: {name: %s}\nspec:\n  export: true\n  nameservers:\n", Zone)
	for _, ns := range NameServers {
		host := plan.Must(ns)
		fmt.Fprintf(&b, "  - {name: %s.%s., addresses: [%q]}\n", ns, Zone, host.Addr)
	}
	for _, h := range plan.Sites() {
		facts := siteFacts[h.Name]
		fmt.Fprintf(&b, "---\napiVersion: tidegate.dev/v1alpha1\nkind: Site\nmetadata: {name: %s}\nspec:\n"+
			"  location: {lat: %q, lon: %q}\n  region: %s\n  lines: [%s]\n", h.Name, facts.lat, facts.lon, facts.region, facts.line)
	}
	return b.String()
}

// corefile is a name server's whole configuration.
func (f *fleet) corefile(host layout.Host) string {
	return fmt.Sprintf(`.:%d {
    bind %s
    tidegate {
        bus %s %s.creds
        data %s
        admin %s
    }
    errors
}
`, PortDNS, host.Addr, busURL(f.cluster), f.folder(host.Name), f.folder(host.Name), Socket(f.cluster, host.Name))
}
