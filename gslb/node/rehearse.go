package node

import (
	"errors"
	"fmt"
	"net/netip"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// ErrRehearsal is returned for a map under which a name would have no answer.
var ErrRehearsal = errors.New("in rehearsal a name had no answer")

// rehearsedServices bounds a rehearsal: so many services, spread over the map, are asked for.
const rehearsedServices = 200

// rehearsalClients are networks of every part of the world, and one that no table knows.
var rehearsalClients = []netip.Prefix{
	netip.MustParsePrefix("84.128.0.0/24"), netip.MustParsePrefix("36.110.0.0/24"), netip.MustParsePrefix("71.62.0.0/24"),
	netip.MustParsePrefix("200.160.0.0/24"), netip.MustParsePrefix("196.25.1.0/24"), netip.MustParsePrefix("1.1.1.0/24"),
	netip.MustParsePrefix("2003:c0::/56"), netip.MustParsePrefix("240e::/56"), netip.MustParsePrefix("198.18.0.0/24"),
}

// rehearse asks a compiled map, before it is served, for a sample of its names on behalf of clients everywhere. Each must
// get an answer in every family that the name has: whatever went wrong in planning or compiling, it must not reach
// clients as an empty name.
func rehearse(compiled *plan.Compiled) error {
	builder := world.NewBuilder()
	builder.SetPlan(1, compiled)
	snapshot := builder.Snapshot()
	step := max(1, len(compiled.Services)/rehearsedServices)
	for i := 0; i < len(compiled.Services); i += step {
		for family := range plan.Families {
			if err := rehearseService(snapshot, i, family); err != nil {
				return err
			}
		}
	}
	return nil
}

func rehearseService(snapshot *world.Snapshot, index int, family plan.Family) error {
	compiled := &snapshot.Plan.Services[index]
	if compiled.ByFamily[family] == nil {
		return nil
	}
	for _, client := range rehearsalClients {
		q := steer.Query{Service: index, Family: family, Client: gslb.ClientSubnet{Prefix: client, FromECS: true}}
		d := steer.Decide(snapshot, q)
		refuses := d.Outcome == steer.Unavailable && compiled.Spec.Steering.OnAllUnhealthy == plan.AnswerServfail
		if len(d.Addresses) == 0 && !refuses && d.Reason != steer.Residency {
			return fmt.Errorf("%w: %s for %s", ErrRehearsal, compiled.Spec.Name, client)
		}
	}
	return nil
}
