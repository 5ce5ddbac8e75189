package export

import (
	"fmt"
	"strings"

	"tidegate.dev/tidegate/gslb"
)

// Zones are the zones that we answer for, as far as names are concerned.
type Zones struct {
	// Names are the zones; Export is the one of the canonical names, empty if there is none.
	Names  []gslb.Name
	Export gslb.Name
	// Taken are names that zones use themselves, name servers and static records, each with what it is.
	Taken map[gslb.Name]string
}

// Contain says whether a name is inside one of our zones.
func (z Zones) Contain(name gslb.Name) bool {
	for _, zone := range z.Names {
		if name.Under(zone) {
			return true
		}
	}
	return false
}

// Canonical is the name that every exported service has.
func (z Zones) Canonical(service, namespace string) (gslb.Name, error) {
	if err := gslb.CheckLabel(service); err != nil {
		return "", fmt.Errorf("%q cannot be the first label of a DNS name: rename the object (%w)", service, err)
	}
	return gslb.ParseName(service + "." + namespace + "." + string(z.Export))
}

// owner is who has a name for good, whoever asks: the zone itself, or in the export zone the namespace that the name
// lies in. It is empty if nobody has.
func (z Zones) owner(name gslb.Name, namespace string) string {
	if what := z.Taken[name]; what != "" {
		return what
	}
	if z.Export == "" || !name.Under(z.Export) || name == z.Export {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(string(name), "."+string(z.Export)), ".")
	if last := labels[len(labels)-1]; len(labels) > 1 && last != namespace {
		return "namespace " + last
	}
	return ""
}
