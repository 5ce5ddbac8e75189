package node

import (
	"cmp"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/gslb/tally"
	"tidegate.dev/tidegate/gslb/world"
)

// answersOf takes what was answered since the last call, as much of it as a report may have.
func answersOf(snapshot *world.Snapshot, resolvers *tally.Resolvers) (list []signal.ServiceAnswers) {
	for i := range snapshot.Plan.Services {
		if s := countsOf(&snapshot.Plan.Services[i], snapshot.Service(i)); len(s.Classes) > 0 {
			list = append(list, s)
		}
	}
	list = most(list, signal.MaxAnswers)
	addResolvers(list, heaviest(snapshot, resolvers, signal.MaxResolvers))
	return list
}

// countsOf takes the counts of one service, its classes in the order of their keys.
func countsOf(compiled *plan.CompiledService, live *world.Service) signal.ServiceAnswers {
	s, last := signal.ServiceAnswers{Service: compiled.Spec.Name}, -1
	live.Tally.Take(func(class, endpoint int, seconds int64) {
		if class != last {
			last = class
			key := string(compiled.Demand.List[class].Key)
			s.Classes = append(s.Classes, signal.ClassAnswers{Class: key, Seconds: map[gslb.SiteID]int64{}})
		}
		s.Classes[len(s.Classes)-1].Seconds[compiled.Endpoints[endpoint].Site] = seconds
	})
	return s
}

// most leaves the classes with the fewest answers out until there are limit: they change the least.
func most(list []signal.ServiceAnswers, limit int) []signal.ServiceAnswers {
	var all []int64
	for _, s := range list {
		for _, c := range s.Classes {
			all = append(all, sum(c))
		}
	}
	if len(all) <= limit {
		return list
	}
	slices.SortFunc(all, func(a, b int64) int { return cmp.Compare(b, a) })
	least := all[limit] // what has no more than this is left out
	for i := range list {
		list[i].Classes = slices.DeleteFunc(list[i].Classes, func(c signal.ClassAnswers) bool { return sum(c) <= least })
	}
	return slices.DeleteFunc(list, func(s signal.ServiceAnswers) bool { return len(s.Classes) == 0 })
}

func sum(c signal.ClassAnswers) (seconds int64) {
	for _, s := range c.Seconds {
		seconds += s
	}
	return seconds
}
