package node

import (
	"cmp"
	"maps"
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

// resolverSeconds is what a resolver of a class was answered, a row for each site in the order of their names.
type resolverSeconds struct {
	service gslb.Name
	class   string
	seconds int64 // of all rows
	rows    []signal.ResolverAnswers
}

// heaviest takes what was answered to single resolvers since the last call, the heaviest of them first.
func heaviest(snapshot *world.Snapshot, resolvers *tally.Resolvers) (list []resolverSeconds) {
	for key, sites := range resolverSums(snapshot, resolvers) {
		compiled := &snapshot.Plan.Services[key.service]
		r := resolverSeconds{service: compiled.Spec.Name, class: string(compiled.Demand.List[key.class].Key)}
		for _, site := range slices.Sorted(maps.Keys(sites)) {
			r.seconds += sites[site]
			r.rows = append(r.rows, signal.ResolverAnswers{Resolver: key.resolver, Class: r.class, Site: site, Seconds: sites[site]})
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b resolverSeconds) int {
		return cmp.Or(cmp.Compare(b.seconds, a.seconds), a.rows[0].Resolver.Compare(b.rows[0].Resolver), cmp.Compare(a.service, b.service),
			cmp.Compare(a.class, b.class))
	})
	return list
}

// resolverSums takes the counts of the services that are served, by site. Sources that can be no resolver's are left out:
// anybody may invent one.
func resolverSums(snapshot *world.Snapshot, resolvers *tally.Resolvers) map[resolverKey]map[gslb.SiteID]int64 {
	served := map[uint32]int{}
	for i := range snapshot.Plan.Services {
		if number := snapshot.Service(i).Tally.Number(); number != 0 {
			served[number] = i
		}
	}
	sums := map[resolverKey]map[gslb.SiteID]int64{}
	resolvers.Take(func(number uint32, class, endpoint int, resolver netip.Addr, seconds int64) bool {
		service, known := served[number]
		if known && gslb.Unicast(resolver) {
			key := resolverKey{service, class, resolver}
			if sums[key] == nil {
				sums[key] = map[gslb.SiteID]int64{}
			}
			sums[key][snapshot.Plan.Services[service].Endpoints[endpoint].Site] += seconds
		}
		return known
	})
	return sums
}

// addResolvers puts resolvers beside the classes of their services, the heaviest, as many as a report may have and as fit in
// the bytes. All rows of a resolver are there or none: a part of what it got would be taken for the whole. One whose class is
// not reported is left out, since nobody could say which part of it that is.
func addResolvers(list []signal.ServiceAnswers, resolvers []resolverSeconds, bytes int) {
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
	taken, rows := 0, 0
	for _, r := range resolvers {
		i, reported := at[place{r.service, r.class}]
		if !reported {
			continue
		}
		taken, rows, bytes = taken+1, rows+len(r.rows), bytes-encoded(r.rows)
		if taken > signal.MaxResolvers || rows > signal.MaxResolverRows || bytes < 0 {
			return
		}
		list[i].Resolvers = append(list[i].Resolvers, r.rows...)
	}
}
