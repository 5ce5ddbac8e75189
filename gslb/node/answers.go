package node

import (
	"cmp"
	"encoding/json"
	"slices"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/gslb/tally"
	"tidegate.dev/tidegate/gslb/world"
)

// Of the bytes of a report, classes may take the first part, and resolvers what is left of the second. The rest is for what else
// it says.
const (
	classBytes  = signal.MaxReportBytes * 5 / 8
	answerBytes = signal.MaxReportBytes * 7 / 8
)

// answersOf takes what was answered since the last call, as much of it as a report may have.
func answersOf(snapshot *world.Snapshot, resolvers *tally.Resolvers) (list []signal.ServiceAnswers) {
	for i := range snapshot.Plan.Services {
		if s := countsOf(&snapshot.Plan.Services[i], snapshot.Service(i)); len(s.Classes) > 0 {
			list = append(list, s)
		}
	}
	list, left := most(list, signal.MaxAnswers, classBytes)
	addResolvers(list, heaviest(snapshot, resolvers), answerBytes-classBytes+left)
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

// classRow is a class by its places in a list of services.
type classRow struct {
	service, class int
	seconds        int64
}

// most leaves the classes with the fewest answers out, until there are at most limit that fit in the bytes: they change the
// least. It returns the bytes that are left, too.
func most(list []signal.ServiceAnswers, limit, bytes int) (kept []signal.ServiceAnswers, left int) {
	all, named := classRows(list), make([]bool, len(list))
	taken := 0
	for _, at := range all[:min(len(all), limit)] {
		need := encoded(list[at.service].Classes[at.class])
		if !named[at.service] {
			need += encoded(signal.ServiceAnswers{Service: list[at.service].Service, Resolvers: []signal.ResolverAnswers{{}}})
		}
		if need > bytes {
			break
		}
		bytes, named[at.service] = bytes-need, true
		taken++
	}
	return pick(list, all[:taken]), bytes
}

// classRows are the classes of all services, those with the most answers first.
func classRows(list []signal.ServiceAnswers) (all []classRow) {
	for i, s := range list {
		for k, c := range s.Classes {
			all = append(all, classRow{i, k, sum(c)})
		}
	}
	slices.SortStableFunc(all, func(a, b classRow) int { return cmp.Compare(b.seconds, a.seconds) })
	return all
}

// pick makes a list of some rows, in the order of the list that they are from.
func pick(list []signal.ServiceAnswers, rows []classRow) (picked []signal.ServiceAnswers) {
	slices.SortFunc(rows, func(a, b classRow) int { return cmp.Or(a.service-b.service, a.class-b.class) })
	last := -1
	for _, at := range rows {
		if at.service != last {
			last = at.service
			picked = append(picked, signal.ServiceAnswers{Service: list[at.service].Service})
		}
		s := &picked[len(picked)-1]
		s.Classes = append(s.Classes, list[at.service].Classes[at.class])
	}
	return picked
}

// encoded is how many bytes a part of a report takes, with a comma.
func encoded(part any) int {
	data, err := json.Marshal(part)
	if err != nil {
		return signal.MaxReportBytes // it does not fit
	}
	return len(data) + 1
}

func sum(c signal.ClassAnswers) (seconds int64) {
	for _, s := range c.Seconds {
		seconds += s
	}
	return seconds
}
