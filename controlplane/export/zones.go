package export

import (
	"fmt"
	"slices"
	"strings"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
)

// Zones are the zones that we answer for, as far as names are concerned.
type Zones struct {
	// Names are the zones; Export is the one of the canonical names, empty if there is none.
	Names  []gslb.Name
	Export gslb.Name
	// Gone are zones that are still served and whose objects are gone.
	Gone []gslb.Name
	// Apex is the namespace that may have the apex of a zone.
	Apex map[gslb.Name]string
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

// taken is why nobody of a namespace can have a name, empty if somebody can: the zone uses it itself, it is a zone's apex,
// or in the export zone it lies below the name of another namespace.
func (z Zones) taken(name gslb.Name, namespace string) string {
	if what := z.Taken[name]; what != "" {
		return "belongs to " + what
	}
	if slices.Contains(z.Names, name) {
		return z.apex(name, namespace)
	}
	if last := z.namespace(name); last != "" && last != namespace && name != gslb.Name(last+"."+string(z.Export)) {
		return "is kept for namespace " + last
	}
	return ""
}

// apex is why a namespace cannot have the apex of a zone, empty if it can.
func (z Zones) apex(zone gslb.Name, namespace string) string {
	switch owner := z.Apex[zone]; owner {
	case namespace:
		return ""
	case "":
		return fmt.Sprintf("is the apex of a zone, which is free for a namespace only if Zone %s names it in spec.apexNamespace",
			strings.TrimSuffix(string(zone), "."))
	default:
		return "is the apex of a zone and kept for namespace " + owner
	}
}

// namespace is the label of a name right below the export zone; empty for names elsewhere.
func (z Zones) namespace(name gslb.Name) string {
	if z.Export == "" || !name.Under(z.Export) || name == z.Export {
		return ""
	}
	below := strings.TrimSuffix(string(name), "."+string(z.Export))
	return below[strings.LastIndex(below, ".")+1:]
}

// missing is the zone that a request holds names in and that is gone, empty if there is none. Who no longer asks for
// the domain that was in it does not miss it.
func (t *table) missing(r Request) gslb.Name {
	if len(r.Kept.Ports) == 0 {
		return ""
	}
	if r.Canonical != "" && !t.zones.Contain(r.Canonical) {
		return r.Canonical.Parent().Parent() // <service>.<namespace>.<export zone>
	}
	for _, c := range r.Claims {
		for _, zone := range t.zones.Gone {
			if gslb.Name(c.Name).Under(zone) && !t.zones.Contain(gslb.Name(c.Name)) && slices.Contains(r.Spec.Domains, c.Name) {
				return zone
			}
		}
	}
	return ""
}

// keep leaves everything as it is, since a zone is gone that names are in: that must not end what is served.
func (t *table) keep(r Request, zone gslb.Name) Ruling {
	ruling := Ruling{Spec: r.Kept, Refusal: &Refusal{v1alpha1.ReasonZoneMissing, fmt.Sprintf(
		"zone %s, which this name was exported in, is gone: create it again or remove the export", strings.TrimSuffix(string(zone), "."))}}
	held := map[gslb.Name]bool{}
	for _, c := range r.Claims {
		if name := gslb.Name(c.Name); t.owner[name] == r.Key {
			held[name] = true
			ruling.Claims = append(ruling.Claims, c)
		}
	}
	if held[r.Canonical] {
		ruling.Canonical = r.Canonical
	}
	for _, d := range r.Kept.Domains {
		switch name := gslb.Name(d); {
		case held[name] && name != r.Canonical:
			ruling.Aliases = append(ruling.Aliases, name)
		case !held[name] && !t.zones.Contain(name):
			ruling.Outside = append(ruling.Outside, name)
		}
	}
	return ruling
}
