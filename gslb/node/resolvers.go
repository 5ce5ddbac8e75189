package node

import (
	"cmp"
	"net/netip"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/gslb/tally"
	"tidegate.dev/tidegate/gslb/world"
)

// resolverKey is a resolver and the demand class of its clients.
type resolverKey struct {
	service  int // an index into the plan's
	class    int
	resolver netip.Addr
}

type resolverSeconds struct {
	service gslb.Name
	signal.ResolverAnswers
}

// heaviest takes what was answered to single resolvers since the last call: the heaviest of them, at most limit.
func heaviest(snapshot *world.Snapshot, resolvers *tally.Resolvers, limit int) (list []resolverSeconds) {
	for key, seconds := range resolverSums(snapshot, resolvers) {
		compiled := &snapshot.Plan.Services[key.service]
		class := string(compiled.Demand.List[key.class].Key)
		list = append(list, resolverSeconds{compiled.Spec.Name, signal.ResolverAnswers{Resolver: key.resolver, Class: class, Seconds: seconds}})
	}
	slices.SortFunc(list, func(a, b resolverSeconds) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), a.Resolver.Compare(b.Resolver), cmp.Compare(a.service, b.service))
	})
	return list[:min(len(list), limit)]
}

// resolverSums takes the counts of the services that are served. Sources that can be no resolver's are left out: anybody
// may invent one.
func resolverSums(snapshot *world.Snapshot, resolvers *tally.Resolvers) map[resolverKey]int64 {
	served := map[uint32]int{}
	for i := range snapshot.Plan.Services {
		if number := snapshot.Service(i).Tally.Number(); number != 0 {
			served[number] = i
		}
	}
	sums := map[resolverKey]int64{}
	resolvers.Take(func(number uint32, class int, resolver netip.Addr, seconds int64) bool {
		service, known := served[number]
		if known && gslb.Unicast(resolver) {
			sums[resolverKey{service, class, resolver}] += seconds
		}
		return known
	})
	return sums
}

// addResolvers puts resolvers beside the classes of their services. One whose class is not reported is left out, since
// nobody could say which part of it that is.
func addResolvers(list []signal.ServiceAnswers, resolvers []resolverSeconds) {
	type place struct {
		service gslb.Name
		class   string
	}
	at := map[place]int{}
	for i, s := range list {
		for _, c := range s.Classes {
			at[place{s.Service, c.Class}] = i
		}
	}
	for _, r := range resolvers {
		if i, reported := at[place{r.service, r.Class}]; reported {
			list[i].Resolvers = append(list[i].Resolvers, r.ResolverAnswers)
		}
	}
}
