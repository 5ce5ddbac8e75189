package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

func TestOfferOpen(t *testing.T) {
	data := mustEncode(t, world())
	good := Head{Generation: 8, Digest: DigestOf(data)}
	for name, c := range map[string]struct {
		head   Head
		data   []byte
		served uint64
		want   error
	}{
		"newer":            {good, data, 7, nil},
		"first":            {good, data, 0, nil},
		"the same":         {good, data, 8, ErrOldGeneration},
		"older":            {good, data, 9, ErrOldGeneration},
		"generation zero":  {Head{Digest: good.Digest}, data, 0, ErrOldGeneration},
		"another map":      {good, mustEncode(t, many(1, 1)), 7, ErrDigest},
		"cut short":        {good, data[:len(data)-1], 7, ErrDigest},
		"no digest":        {Head{Generation: 8}, data, 7, ErrDigest},
		"digest of no map": {Head{Generation: 8, Digest: DigestOf([]byte("{}"))}, []byte("{}"), 7, ErrEncoding},
	} {
		m, err := Offer{c.head, c.data}.Open(c.served)
		if !errors.Is(err, c.want) || (m == nil) != (c.want != nil) {
			t.Errorf("%s: %v, %v; want %v", name, m, err, c.want)
		}
	}
}

// step changes a map of 100 services at 10 sites: 1,000 endpoints and 100 names, in the first of two zones.
type step struct {
	name    string
	change  func(*Map)
	reasons []Reason
	want    error
}

func each(m *Map, f func(*Endpoint)) {
	for i := range m.Services {
		for j := range m.Services[i].Endpoints {
			f(&m.Services[i].Endpoints[j])
		}
	}
}

// dropSites takes the last sites out of the first services.
func dropSites(services, sites int) func(*Map) {
	return func(m *Map) {
		for i := range services {
			m.Services[i].Endpoints = m.Services[i].Endpoints[:10-sites]
		}
	}
}

func capacityTo(milli gslb.MilliRPS, sites ...gslb.SiteID) func(*Map) {
	return func(m *Map) {
		each(m, func(e *Endpoint) {
			if slices.Contains(sites, e.Site) {
				e.Capacity = milli
			}
		})
	}
}

func drop(names ...int) func(*Map) {
	return func(m *Map) {
		m.Services = slices.DeleteFunc(m.Services, func(s Service) bool {
			return slices.ContainsFunc(names, func(n int) bool { return s.Name == serviceName(n) })
		})
	}
}

func zoneOf(name gslb.Name) Zone {
	return Zone{Name: name, Nameservers: []gslb.Name{"ns1.edge.example."}, Records: []string{"www." + string(name) + " 60 IN A 192.0.2.80"}}
}

// twoZones is the map that steps change; its second zone has no steered name.
func twoZones() *Map {
	m := many(100, 10)
	m.Zones = append(m.Zones, zoneOf("old.example."))
	return m
}

func dropZone(m *Map) { m.Zones = m.Zones[:1] }

func reasonsFor(kind ReasonKind, subjects ...string) (list []Reason) {
	for _, s := range subjects {
		list = append(list, Reason{kind, s})
	}
	return list
}

func namesTo(n int) (list []string) {
	for i := range n {
		list = append(list, string(serviceName(i)))
	}
	return list
}

func TestAccept(t *testing.T) {
	four := []gslb.SiteID{"s00", "s01", "s02", "s03"}
	fourNames := []string{"s00", "s01", "s02", "s03"}
	for _, c := range []step{
		{"no change", func(*Map) {}, nil, nil},
		{"everything is new", func(m *Map) { m.Services = append(m.Services, world().Services...) }, nil, nil},
		{"capacity grows", capacityTo(9000, four...), nil, nil},

		{"a name goes without a reason", drop(5), nil, ErrEmptied},
		{"a name goes, another is explained", drop(5, 6), reasonsFor(ReasonRetired, "n005.edge.example."), ErrEmptied},
		{"a retired name", drop(5), reasonsFor(ReasonRetired, "n005.edge.example."), nil},
		{"many retired names", drop(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), reasonsFor(ReasonRetired, namesTo(10)...), nil},
		{"scaling retires no name", drop(5), reasonsFor(ReasonScaled, "n005.edge.example."), ErrEmptied},
		{"falling asleep retires no name", drop(5), reasonsFor(ReasonAsleep, "n005.edge.example."), ErrEmptied},
		{"a lost site retires no name", drop(5), reasonsFor(ReasonSiteGone, fourNames...), ErrEmptied},
		{"force retires no name", drop(5), reasonsFor(ReasonForced, ""), ErrEmptied},
		{"everything goes", func(m *Map) { m.Services = nil }, nil, ErrEmptied},

		{"a zone goes without a reason", dropZone, nil, ErrEmptied},
		{"a zone goes, a name is explained", dropZone, reasonsFor(ReasonRetired, "n005.edge.example."), ErrEmptied},
		{"a retired zone", dropZone, reasonsFor(ReasonRetired, "old.example."), nil},
		{"another zone is retired", dropZone, reasonsFor(ReasonRetired, "edge.example."), ErrEmptied},
		{"force retires no zone", dropZone, reasonsFor(ReasonForced, ""), ErrEmptied},
		{"a zone is renamed", func(m *Map) { m.Zones[1].Name = "new.example." }, nil, ErrEmptied},
		{"a zone loses its records", func(m *Map) { m.Zones[1].Records = nil }, nil, nil},
		{"a new zone", func(m *Map) { m.Zones = append(m.Zones, zoneOf("new.example.")) }, nil, nil},

		{"a fifth of the endpoints", dropSites(100, 2), nil, nil},
		{"30 % at three sites", dropSites(100, 3), nil, ErrVelocity},
		{"24 % at ten sites", dropSites(30, 8), nil, nil},
		{"a few endpoints of a few sites", dropSites(6, 3), nil, nil},
		{"40 %, explained by the sites", dropSites(100, 4), reasonsFor(ReasonSiteGone, "s06", "s07", "s08", "s09"), nil},
		{"40 %, half explained", dropSites(100, 4), reasonsFor(ReasonSiteGone, "s06", "s07"), nil},
		{"50 %, a fifth explained", dropSites(100, 5), reasonsFor(ReasonSiteGone, "s06"), ErrVelocity},
		{"45 %, explained by scaling", dropSites(50, 9), reasonsFor(ReasonScaled, namesTo(50)...), nil},
		{"40 %, forced", dropSites(100, 4), reasonsFor(ReasonForced, ""), nil},

		{"capacity of three sites", capacityTo(0, four[:3]...), nil, nil},
		{"capacity of four sites", capacityTo(0, four...), nil, ErrVelocity},
		{"half the capacity of four sites", capacityTo(500, four...), nil, nil},
		{"capacity of four sites, drained", capacityTo(0, four...), reasonsFor(ReasonSiteDrained, fourNames...), nil},
		{"capacity of four sites, one drained", capacityTo(0, four...), reasonsFor(ReasonSiteDrained, "s00"), nil},
		{"capacity of four sites, asleep", capacityTo(0, four...), reasonsFor(ReasonAsleep, namesTo(100)...), nil},
		{"everything is drained", func(m *Map) { each(m, func(e *Endpoint) { e.Drained = true }) }, nil, ErrVelocity},
		{"everything is drained, and they say so", func(m *Map) { each(m, func(e *Endpoint) { e.Drained = true }) },
			reasonsFor(ReasonSiteDrained, "s00", "s01", "s02", "s03", "s04", "s05", "s06", "s07", "s08", "s09"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			current, next := twoZones(), twoZones()
			c.change(next)
			if err := Accept(current, next, c.reasons); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Whoever reads the refusal must know that it is a zone, which one, and the way out.
func TestAcceptNamesTheZone(t *testing.T) {
	next := twoZones()
	dropZone(next)
	next.Services = nil
	err := Accept(twoZones(), next, nil)
	for _, part := range []string{"zone old.example.", "delete its Zone object"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

// A working loop moves little at a time: most of most classes moves at once only where something happened.
func TestAcceptSplits(t *testing.T) {
	// splits gives the first service this many splits over four sites, s00 to s03.
	splits := func(m *Map, count int, shares ...gslb.Share) {
		m.Services[0].Splits = nil
		for i := range count {
			split := Split{Class: ClassKey(fmt.Sprintf("%016x", i))}
			for k, share := range shares {
				if share > 0 {
					split.Shares = append(split.Shares, SiteShare{siteName(k), share})
				}
			}
			m.Services[0].Splits = append(m.Services[0].Splits, split)
		}
	}
	first := func(count int, shares ...gslb.Share) func(*Map) {
		return func(m *Map) {
			kept := m.Services[0].Splits
			splits(m, count, shares...)
			m.Services[0].Splits = append(m.Services[0].Splits, kept[count:]...)
		}
	}
	both := func(changes ...func(*Map)) func(*Map) {
		return func(m *Map) {
			for _, change := range changes {
				change(m)
			}
		}
	}
	drained := func(m *Map) { m.Services[0].Endpoints[0].Drained = true }
	for _, c := range []step{
		{"no change", first(40, 8000, 2000), nil, nil},
		{"half of every class moves", first(40, 3000, 7000), nil, nil},
		{"more than half of every class", first(40, 2999, 7001), nil, ErrVelocity},
		{"to a new site", first(40, 2999, 2000, 5001), nil, ErrVelocity},
		{"more than half of half the classes", first(20, 0, 10_000), nil, nil},
		{"more than half of more classes", first(21, 0, 10_000), nil, ErrVelocity},
		{"a class the less", func(m *Map) { m.Services[0].Splits = m.Services[0].Splits[:1] }, nil, nil},
		{"none is split any more", func(m *Map) { m.Services[0].Splits = nil }, nil, nil},
		{"the site is drained", both(first(40, 0, 10_000), drained), nil, nil},
		{"the site has no capacity", both(first(40, 0, 10_000), func(m *Map) { m.Services[0].Endpoints[0].Capacity = 0 }), nil, nil},
		{"another site is drained", both(first(40, 0, 10_000), func(m *Map) { m.Services[0].Endpoints[2].Drained = true }), nil, ErrVelocity},
		{"explained by the site", first(40, 0, 10_000), reasonsFor(ReasonSiteGone, "s00"), nil},
		{"explained by another site", first(40, 0, 10_000), reasonsFor(ReasonSiteGone, "s01"), ErrVelocity},
		{"explained by scaling", first(40, 0, 10_000), reasonsFor(ReasonScaled, string(serviceName(0))), nil},
		{"forced", first(40, 0, 10_000), reasonsFor(ReasonForced, ""), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			current, next := many(2, 10), many(2, 10)
			splits(current, 40, 8000, 2000)
			splits(next, 40, 8000, 2000)
			c.change(next)
			if err := Accept(current, next, c.reasons); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	current, next := many(1, 10), many(1, 10)
	splits(current, 20, 8000, 2000)
	splits(next, 20, 0, 10_000)
	if err := Accept(current, next, nil); err != nil {
		t.Errorf("a few splits: %v", err)
	}
}

// A fallback is no way to empty a name: the sites behind it may fail, and not be taken away.
func TestAcceptAFallback(t *testing.T) {
	name := string(serviceName(0))
	fallback := func(m *Map) {
		m.Services[0].Steering.OnAllUnhealthy, m.Services[0].Steering.Fallback = AnswerFallback, []netip.Addr{netip.MustParseAddr("198.51.100.1")}
	}
	endpoint := func(m *Map, i int) *Endpoint { return &m.Services[0].Endpoints[i] }
	gone := func(m *Map) {
		endpoint(m, 2).Capacity = 0
		m.Services[0].Endpoints = m.Services[0].Endpoints[2:]
	}
	drained := func(m *Map) {
		for i := range m.Services[0].Endpoints {
			endpoint(m, i).Drained = true
		}
	}
	for _, c := range []struct {
		step
		plain bool // without a fallback
	}{
		{step: step{"a fallback comes", func(*Map) {}, nil, nil}},
		{step: step{"all lose their capacity", func(m *Map) { endpoint(m, 0).Capacity, endpoint(m, 1).Capacity = 0, 0 }, nil, nil}},
		{step: step{"one is left", func(m *Map) { m.Services[0].Endpoints = m.Services[0].Endpoints[1:] }, nil, nil}},
		{step: step{"one goes, the other fails", func(m *Map) { endpoint(m, 1).Capacity = 0; m.Services[0].Endpoints = m.Services[0].Endpoints[1:] }, nil, nil}},
		{step: step{"all go, one comes that has nothing", gone, nil, ErrEmptied}},
		{step: step{"all go, by force", gone, reasonsFor(ReasonForced, ""), ErrEmptied}},
		{step: step{"all go, explained by the name", gone, reasonsFor(ReasonScaled, name), nil}},
		{step: step{"all go, explained by their sites", gone, reasonsFor(ReasonSiteGone, "s00", "s01"), nil}},
		{step: step{"all go, one is explained", gone, reasonsFor(ReasonSiteGone, "s00"), ErrEmptied}},
		{step: step{"all are drained", drained, nil, ErrEmptied}},
		{step: step{"all are drained, and they say so", drained, reasonsFor(ReasonSiteDrained, "s00", "s01", "s02"), nil}},
		{step: step{"all go, without a fallback", gone, nil, nil}, plain: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			current, next := many(1, 3), many(1, 3)
			endpoint(current, 2).Capacity, endpoint(next, 2).Capacity = 0, 0
			c.change(next)
			if !c.plain {
				fallback(next)
			}
			if err := next.Validate(); err != nil {
				t.Fatal(err)
			}
			if err := Accept(current, next, c.reasons); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAcceptAtAColdStart(t *testing.T) {
	if err := Accept(nil, &Map{}, nil); err != nil {
		t.Error(err)
	}
}

// In a small world a few changes are no sign of madness, but an emptied name is.
func TestAcceptInASmallWorld(t *testing.T) {
	next := world()
	next.Services[0].Endpoints = next.Services[0].Endpoints[:1]
	if err := Accept(world(), next, nil); err != nil {
		t.Errorf("half of two endpoints: %v", err)
	}
	next.Services[0].Aliases = nil
	if err := Accept(world(), next, nil); !errors.Is(err, ErrEmptied) {
		t.Errorf("an alias went: %v", err)
	}
	if err := Accept(world(), next, reasonsFor(ReasonRetired, "talk.edge.example.")); err != nil {
		t.Errorf("an alias retired: %v", err)
	}
}

// A name that moves to another service is not gone.
func TestAcceptANameThatMoves(t *testing.T) {
	next := world()
	next.Services[0].Name, next.Services[0].Aliases = "talk.edge.example.", []gslb.Name{"chat.edge.example."}
	if err := Accept(world(), next, nil); err != nil {
		t.Error(err)
	}
}
