package plan

import (
	"net/netip"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// Every mistake in what a policy says of sites and regions has its place and the way out.
func TestValidatePolicy(t *testing.T) {
	rules := func(list ...Residency) Steering { return Steering{Residency: list} }
	rule := func(clients ...Region) Residency { return Residency{Clients: clients, Regions: []string{"cn"}} }
	for _, c := range []struct {
		name  string
		wrong Steering
		want  string
	}{
		{"near of both kinds", Steering{Near: Near{5, 10}}, "spec.near: give either ms or percent"},
		{"near below zero", Steering{Near: Near{Milliseconds: -1}}, "spec.near.ms: -1, want 1 to 500 milliseconds"},
		{"near is everywhere", Steering{Near: Near{Milliseconds: 501}}, "spec.near.ms: 501, want 1 to 500 milliseconds"},
		{"more than twice as far", Steering{Near: Near{Percent: 101}}, "spec.near.percent: 101, want 1 to 100 percent"},
		{"near where nothing is", Steering{Method: Failover, Near: Near{Milliseconds: 5}}, "spec.near: it needs method proximity: with failover no site is nearer"},
		{"costs without a loop", Steering{Method: Weighted, Costs: []SiteCost{{"fra", 5}}}, "spec.costs: they need method proximity: with weighted no control loop runs"},
		{"a cost of nothing", Steering{Costs: []SiteCost{{"fra", 0}}}, "spec.costs[0].ms: 0, want 1 to 10000 milliseconds of round trip: leave a site out that costs nothing"},
		{"a cost beyond all", Steering{Costs: []SiteCost{{"fra", 10_001}}}, "spec.costs[0].ms: 10001, want 1 to 10000"},
		{"a cost twice", Steering{Costs: []SiteCost{{"fra", 1}, {"fra", 2}}}, "spec.costs[1].site: fra is listed twice"},
		{"a cost of nobody", Steering{Costs: []SiteCost{{"", 1}}}, "spec.costs[0].site: "},
		{"too many costs", Steering{Costs: make([]SiteCost, MaxCosts+1)}, "spec.costs: 1001 costs, the limit is 1000"},
		{"nobody is kept", rules(rule()), "spec.residency[0].clients: 0 regions, want 1 to 64: whom the rule keeps, such as [CN]"},
		{"kept nowhere", rules(Residency{Clients: []Region{"CN"}}), "spec.residency[0].regions: 0 regions, want 1 to 64: those of the sites"},
		{"an empty region of clients", rules(rule("")), "spec.residency[0].clients[0]: empty: want a country such as CN"},
		{"no such region of clients", rules(rule("china")), `spec.residency[0].clients[0]: region "china": want a subdivision`},
		{"clients twice", rules(rule("CN", "CN")), "spec.residency[0].clients[1]: CN is listed twice"},
		{"an empty region of sites", rules(Residency{Clients: []Region{"CN"}, Regions: []string{""}}), "spec.residency[0].regions[0]: empty"},
		{"a region of sites twice", rules(Residency{Clients: []Region{"CN"}, Regions: []string{"a", "a"}}), "spec.residency[0].regions[1]: a is listed twice"},
		{"a rule that never holds", rules(rule("DE", "CN"), rule("CN-GD")),
			"spec.residency[1].clients[0]: all clients of CN-GD go by residency[0], which has CN: the first rule that holds counts, so put the narrower one first"},
		{"an area holds its subdivisions", rules(rule("CN-south"), rule("CN-BJ", "CN-GD")), "spec.residency[1].clients[1]: all clients of CN-GD go by residency[0]"},
		{"too many rules", rules(make([]Residency, MaxResidency+1)...), "spec.residency: 17 rules, the limit is 16"},
	} {
		s := c.wrong
		if s.Method == "" {
			s.Method = Proximity
		}
		s.OnAllUnhealthy = AnswerAll
		if err := s.Validate("spec"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	good := rules(rule("CN-GD"), rule("CN-south"), rule("CN", "HK"), rule("DE"))
	if good.Method, good.OnAllUnhealthy = Weighted, AnswerAll; good.Validate("spec") != nil {
		t.Error(good.Validate("spec"))
	}
}

// What a policy names and no site is: told, and refused only where nobody would be left to answer.
func TestUnknownAndUnserved(t *testing.T) {
	sites := []Site{{ID: "pek", Region: "cn-north"}, {ID: "fra"}}
	s := Steering{
		Costs: []SiteCost{{"fra", 1}, {"far", 1}},
		Residency: []Residency{
			{Clients: []Region{"CN"}, Regions: []string{"cn-north", "cn-nroth"}}, {Clients: []Region{"DE", "FR"}, Regions: []string{"eu"}},
		},
	}
	const unknown = "s.costs[1].site: there is no site far\n" +
		"s.residency[0].regions[1]: no site has the region cn-nroth\ns.residency[1].regions[0]: no site has the region eu"
	if err := s.Unknown("s", sites); err == nil || err.Error() != unknown {
		t.Errorf("unknown: %v", err)
	}
	const unserved = "s.residency[1].regions: no site has the region eu: nobody could answer clients of DE or FR"
	if err := s.Unserved("s", sites); err == nil || err.Error() != unserved {
		t.Errorf("unserved: %v", err)
	}
	s.Costs, s.Residency = s.Costs[:1], []Residency{{Clients: []Region{"CN"}, Regions: []string{"cn-north"}}}
	if s.Unknown("s", sites) != nil || s.Unserved("s", sites) != nil {
		t.Errorf("%v, %v", s.Unknown("s", sites), s.Unserved("s", sites))
	}
}

// Tiers of sites that stand 0, 90, 240 and 1000 km from the clients, by what the policy calls near.
func TestNear(t *testing.T) {
	const perKm = 8_993 // millionths of a degree on the equator
	networks := map[string]geodata.Place{"20.0.0.0/8": {HasLocation: true}}
	var sites []*Site
	for i, km := range []int32{0, 90, 240, 1000} {
		sites = append(sites, &Site{ID: siteName(i), Location: gslb.Location{LonMicro: km*perKm + 300}})
	}
	measured := map[string][]geodata.SiteRTT{"21.0.0.0/8": {{Site: "s00", Milliseconds: 20}, {Site: "s01", Milliseconds: 21}, {Site: "s02", Milliseconds: 25}, {Site: "s03", Milliseconds: 40}}}
	geo := NewGeo(measuredTable(t, networks, measured))
	for _, c := range []struct {
		name            string
		near            Near
		located, timing string
	}{
		{"left out: 100 km, or 10 ms", Near{}, "0 0 1 2", "0 0 0 1"},
		{"a millisecond is 50 km", Near{Milliseconds: 1}, "0 1 2 3", "0 0 1 2"},
		{"5 ms are 250 km", Near{Milliseconds: 5}, "0 0 0 1", "0 0 0 1"},
		{"4 ms", Near{Milliseconds: 4}, "0 0 1 2", "0 0 1 2"},
		{"20 ms", Near{Milliseconds: 20}, "0 0 0 0", "0 0 0 0"},
		{"10 percent of 20 ms, and never less than one", Near{Percent: 10}, "0 1 2 3", "0 0 1 2"},
		{"twice as far", Near{Percent: 100}, "0 1 2 3", "0 0 0 0"},
	} {
		classes := geo.Classes(sites, nil, c.near.rounding())
		for client, want := range map[string]string{"20.0.0.0/24": c.located, "21.0.0.0/24": c.timing} {
			class, _ := classes.Lookup(netip.MustParsePrefix(client))
			var tiers []string
			for _, candidate := range class.Candidates {
				tiers = append(tiers, string('0'+rune(candidate.Tier)))
			}
			if got := strings.Join(tiers, " "); got != want {
				t.Errorf("%s: %s has tiers %s, want %s", c.name, client, got, want)
			}
		}
	}
}
