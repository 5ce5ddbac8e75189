package hub

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

// answerSums are the seconds for which clients were sent to sites, by service, as name servers reported them.
type answerSums struct {
	services map[gslb.Name]*serviceAnswers
	rows     int // of single resolvers, of all services
}

// serviceAnswers are those of one service. What resolvers have is part of what their classes have.
type serviceAnswers struct {
	classes   map[plan.ClassKey]map[gslb.SiteID]int64
	resolvers map[resolverAnswers]int64
}

type resolverAnswers struct {
	class    plan.ClassKey
	site     gslb.SiteID
	resolver netip.Addr
}

// maxResolverAnswers bounds what is remembered of single resolvers between two turns. What is more counts with its class.
const maxResolverAnswers = 100_000

// countedAnswers are those of one name server, over so long as it counted them. It reports every ten seconds, and an epoch is
// fifteen: what reports bring between two turns are sometimes twice as many as other times.
type countedAnswers struct {
	answerSums
	counted time.Duration // 0 is not known
}

func (c *countedAnswers) add(r *signal.NameServerReport) {
	c.answerSums.add(r.Answers)
	c.counted += time.Duration(r.CountedMillis) * time.Millisecond
}

// enough says whether that is so long that it may stand for an epoch.
func (c *countedAnswers) enough() bool { return c.counted == 0 || c.counted > loop.Epoch/3 }

// perEpoch is how many answers of an epoch so many are.
func (c *countedAnswers) perEpoch(seconds int64) int64 {
	if c.counted == 0 {
		return seconds
	}
	return int64(math.Round(float64(seconds) * float64(loop.Epoch) / float64(c.counted)))
}

// merge adds those of a name server, as many as an epoch has.
func (a *answerSums) merge(c *countedAnswers) {
	for name, s := range c.services {
		of := a.service(name)
		for key, sites := range s.classes {
			if of.classes[key] == nil {
				of.classes[key] = map[gslb.SiteID]int64{}
			}
			for site, seconds := range sites {
				of.classes[key][site] += c.perEpoch(seconds)
			}
		}
		for key, seconds := range s.resolvers {
			of.resolvers[key] += c.perEpoch(seconds)
		}
	}
}

func (a *answerSums) add(list []signal.ServiceAnswers) {
	for _, s := range list {
		of := a.service(s.Service)
		for _, c := range s.Classes {
			key := plan.ClassKey(c.Class)
			if of.classes[key] == nil {
				of.classes[key] = map[gslb.SiteID]int64{}
			}
			for site, seconds := range c.Seconds {
				of.classes[key][site] += seconds
			}
		}
		for _, r := range s.Resolvers {
			a.addResolver(of, r)
		}
	}
}

func (a *answerSums) service(name gslb.Name) *serviceAnswers {
	if a.services == nil {
		a.services = map[gslb.Name]*serviceAnswers{}
	}
	of := a.services[name]
	if of == nil {
		of = &serviceAnswers{classes: map[plan.ClassKey]map[gslb.SiteID]int64{}, resolvers: map[resolverAnswers]int64{}}
		a.services[name] = of
	}
	return of
}

// addResolver leaves out rows without a site, of name servers from before: they stay with their class.
func (a *answerSums) addResolver(of *serviceAnswers, r signal.ResolverAnswers) {
	if r.Site == "" {
		return
	}
	key := resolverAnswers{plan.ClassKey(r.Class), r.Site, r.Resolver}
	if _, known := of.resolvers[key]; !known {
		if a.rows == maxResolverAnswers {
			return
		}
		a.rows++
	}
	of.resolvers[key] += r.Seconds
}

// of numbers the classes and sites of a service's answers: those to single resolvers, and those to all others of each class.
// What is of classes and sites that the service has no more is left out.
func (a *answerSums) of(service gslb.Name, demand *plan.Demand, sites map[gslb.SiteID]int) (list []loop.Answer) {
	s := a.services[service]
	if s == nil {
		return nil
	}
	for key, bySite := range s.classes {
		for site, seconds := range bySite {
			if answer, ok := numbered(key, site, demand, sites); ok {
				answer.Seconds = float64(seconds)
				list = append(list, answer)
			}
		}
	}
	list = append(list, s.apart(list, demand, sites)...)
	list = slices.DeleteFunc(list, func(a loop.Answer) bool { return a.Seconds <= 0 })
	slices.SortFunc(list, func(a, b loop.Answer) int {
		return cmp.Or(a.Class-b.Class, a.Site-b.Site, a.Resolver.Compare(b.Resolver))
	})
	return list
}

// apart takes the answers to single resolvers out of those of the classes. Where resolvers have more than their class, since
// reports came apart, nothing is left of it.
func (s *serviceAnswers) apart(classes []loop.Answer, demand *plan.Demand, sites map[gslb.SiteID]int) (resolvers []loop.Answer) {
	type place struct{ class, site int }
	at := map[place]*loop.Answer{}
	for i := range classes {
		at[place{classes[i].Class, classes[i].Site}] = &classes[i]
	}
	for key, seconds := range s.resolvers {
		answer, ok := numbered(key.class, key.site, demand, sites)
		if !ok {
			continue
		}
		answer.Resolver, answer.Seconds = key.resolver, float64(seconds)
		resolvers = append(resolvers, answer)
		if class := at[place{answer.Class, answer.Site}]; class != nil {
			class.Seconds -= answer.Seconds
		}
	}
	return resolvers
}

func numbered(key plan.ClassKey, site gslb.SiteID, demand *plan.Demand, sites map[gslb.SiteID]int) (answer loop.Answer, ok bool) {
	class, known := demand.Find(key)
	at, has := sites[site]
	return loop.Answer{Class: class, Site: at}, known && has
}
