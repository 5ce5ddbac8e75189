package sim

import (
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// pairOfSites is fra and iad as name servers have them, with a capacity each, and fra drained or not.
func pairOfSites(t *testing.T, previous *plan.Compiled, capacity gslb.MilliRPS, drained bool) *world.Snapshot {
	t.Helper()
	m := &plan.Map{Schema: plan.Schema, Zones: []plan.Zone{{Name: zoneName, Nameservers: []gslb.Name{"ns1." + zoneName}}}}
	service := plan.Service{
		Name: serviceName, TTL: 30 * time.Second,
		Steering: plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerAll, Watermarks: plan.Watermarks{LowPercent: 60, HighPercent: 80}},
	}
	for i, s := range twoSites() {
		m.Sites = append(m.Sites, plan.Site{ID: s.ID, Location: s.Location})
		service.Endpoints = append(service.Endpoints, plan.Endpoint{
			Site: s.ID, Capacity: capacity, Drained: drained && s.ID == "fra", Addresses: []plan.Address{{Addr: addressOf(i), Line: gslb.DefaultLine}},
		})
	}
	m.Services = []plan.Service{service}
	m.Canonical()
	geo := plan.NewGeo(table())
	if previous != nil {
		geo = previous.Geo
	}
	b := world.NewBuilder()
	b.SetPlan(1, plan.Compile(m, "", geo, previous))
	return b.Snapshot()
}

// Draining the site of four clients in five moves them across the Atlantic; whether it may depends on the room there.
func TestWhatIf(t *testing.T) {
	p := smallPopulation()
	for name, c := range map[string]struct {
		capacity gslb.MilliRPS
		refused  string
	}{
		"with room":    {200_000, ""},
		"without room": {100_000, "its high mark is at 80"},
	} {
		before := pairOfSites(t, nil, c.capacity, false)
		after := pairOfSites(t, before.Plan, c.capacity, true)
		german, demand := recorded(p, before.Plan)
		f := WhatIf(Recorded{Population: p, Demand: demand}, 0, before, after)
		iad := f.Sites[1]
		if !near(f.Moved, german, 0.01) || !near(float64(iad.Before), 100_000*(1-german), 0.01) || !near(float64(iad.After), 100_000, 0.01) || f.Sites[0].After != 0 {
			t.Errorf("%s: %+v, want %v to move", name, f, german)
		}
		if iad.Use() != int64(iad.After)*100/int64(c.capacity) || f.KmBefore > 600 || f.KmAfter < 4000 || f.RTTChange < 80*time.Millisecond || f.RTTChange > 130*time.Millisecond {
			t.Errorf("%s: use %d %%, %.0f km, then %.0f: %v", name, iad.Use(), f.KmBefore, f.KmAfter, f.RTTChange)
		}
		if got := strings.Join(f.Refused, "; "); (c.refused == "") != (got == "") || !strings.HasSuffix(got, c.refused) {
			t.Errorf("%s: refused %q, want %q", name, got, c.refused)
		}
	}
}

// recorded spreads 100 requests/s over the demand classes as the clients are, and says what part of it is German.
func recorded(p *Population, compiled *plan.Compiled) (german float64, demand map[plan.ClassKey]gslb.MilliRPS) {
	classes := compiled.Services[0].All.Classes
	demand = map[plan.ClassKey]gslb.MilliRPS{}
	for i, a := range p.Askers {
		demand[classes.Demand().List[classOf(classes, a.Client)].Key] += gslb.MilliRPS(float64(a.Size) / Whole * 100_000)
		if p.Clients[p.Members(i)[0]].Country == "DE" {
			german += float64(a.Size) / Whole
		}
	}
	return german, demand
}

func TestWhatIfNothingChanges(t *testing.T) {
	p := smallPopulation()
	before := pairOfSites(t, nil, 50_000, false)
	_, demand := recorded(p, before.Plan)
	f := WhatIf(Recorded{Population: p, Demand: demand}, 0, before, before)
	if f.Moved != 0 || f.RTTChange != 0 || len(f.Refused) > 0 {
		t.Errorf("%+v: a site that is over its mark before is no reason against doing nothing", f)
	}
}
