package hub

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/geotest"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

// steered is a service at fra and iad with a capacity of 100 requests/s each, and clients near fra.
func steered(t *testing.T) Inputs {
	t.Helper()
	m := &plan.Map{
		Sites: []plan.Site{
			{ID: "fra", Location: gslb.Location{LatMicro: 50_110_000, LonMicro: 8_680_000}},
			{ID: "iad", Location: gslb.Location{LatMicro: 38_950_000, LonMicro: -77_450_000}},
		},
		Zones: []plan.Zone{{Name: "edge.example.", Nameservers: []gslb.Name{"ns1.edge.example."}}},
		Services: []plan.Service{{
			Name: "chat.shop.edge.example.", TTL: 30 * time.Second, Steering: plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerAll},
			Endpoints: []plan.Endpoint{
				{Site: "fra", Capacity: 100_000, Addresses: []plan.Address{{Addr: netip.MustParseAddr("192.0.2.1")}}},
				{Site: "iad", Capacity: 100_000, Addresses: []plan.Address{{Addr: netip.MustParseAddr("192.0.2.2")}}},
			},
		}},
	}
	m.Canonical()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	dex := &v1alpha1.DomainExport{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat"}}
	dex.Spec.Workload = v1alpha1.ObjectReference{Kind: "Deployment", Name: "chat"}
	dex.Status.CanonicalName = "chat.shop.edge.example."
	site := func(name string) *v1alpha1.Site { return &v1alpha1.Site{ObjectMeta: metav1.ObjectMeta{Name: name}} }
	return Inputs{
		Now: time.Unix(1_800_000_000, 0), Since: time.Unix(1_799_999_000, 0), Current: m,
		Geo: geotest.Table(t, geotest.Date, geotest.Networks{
			"20.0.0.0/8": "DE",
			"21.0.0.0/8": "US",
		}),
		Exports: []*v1alpha1.DomainExport{dex}, Sites: []*v1alpha1.Site{site("fra"), site("iad")},
	}
}

// report is what the sites say now: requests/s at fra and iad.
func (in *Inputs) report(fra, iad int64) {
	in.Reports = map[gslb.SiteID]SiteObservation{}
	for site, rps := range map[gslb.SiteID]int64{"fra": fra, "iad": iad} {
		rate := gslb.MilliRPS(rps * 1000)
		in.Reports[site] = SiteObservation{Received: in.Now, Report: signal.SiteReport{Site: site, Services: []signal.ServiceReport{
			{Workload: "shop/Deployment/chat", ReadyReplicas: 10, DesiredReplicas: 10, Load: &signal.Load{Rate: &rate}},
		}}}
	}
}

// Load that a site cannot take makes splits; without answers nobody knows whose it is.
func TestOverloadMakesSplits(t *testing.T) {
	in, s := steered(t), steering{}
	const name = gslb.Name("chat.shop.edge.example.")
	for range 4 {
		in.Now = in.Now.Add(15 * time.Second)
		in.report(130, 20)
		if !s.due(in.Now) {
			t.Fatal("a turn is not due after an epoch")
		}
		s.turn(in, answerSums{})
	}
	if out := s.outputs[name]; len(out.Splits) > 0 {
		t.Errorf("splits though nobody asked: %v", out.Splits)
	}
	var last gslb.Share
	for range 8 {
		in.Now = in.Now.Add(15 * time.Second)
		moved := 130 * int64(last) / int64(gslb.WholeShare) // clients follow
		in.report(130-moved, 20+moved)
		s.turn(in, s.answeredTo(name, "fra", 600))
		if out := s.outputs[name]; len(out.Splits) == 1 && len(out.Splits[0].Shares) == 2 {
			last = out.Splits[0].Shares[1].Share
		}
	}
	if out := s.outputs[name]; last < 2000 || last > 3500 || !out.IsBrief("fra") || out.IsBrief("iad") {
		t.Errorf("%v of the clients near fra go to iad: %+v", last, out)
	}
}

// answeredTo counts answers to the clients near a site.
func (s *steering) answeredTo(service gslb.Name, site gslb.SiteID, seconds int64) answerSums {
	var sums answerSums
	demand := s.compiled.Services[0].Demand
	for _, c := range demand.List {
		if len(c.Candidates) > 0 && s.compiled.Services[0].Spec.Endpoints[c.Candidates[0].Site].Site == site {
			sums.add([]signal.ServiceAnswers{{Service: service, Classes: []signal.ClassAnswers{
				{Class: string(c.Key), Seconds: map[gslb.SiteID]int64{site: seconds}},
				{Class: "unknown", Seconds: map[gslb.SiteID]int64{site: seconds, "gone": seconds}},
			}}})
		}
	}
	return sums
}

// A hub that has just begun to lead keeps the splits that are served.
func TestSplitsSurviveTheHub(t *testing.T) {
	in, s := steered(t), steering{}
	in.Now = in.Now.Add(15 * time.Second)
	in.report(80, 20)
	s.turn(in, answerSums{})
	key := s.compiled.Services[0].Demand.List[0].Key
	split := plan.Split{Class: key, Shares: []plan.SiteShare{{Site: "fra", Share: 6000}, {Site: "iad", Share: 4000}}}
	in.Current.Services[0].Splits = []plan.Split{split}
	again := steering{}
	again.turn(in, answerSums{})
	out := again.outputs["chat.shop.edge.example."]
	if len(out.Splits) != 1 || out.Splits[0].Class != key {
		t.Errorf("the splits are %v", out.Splits)
	}
	served := in.Current.Services[0]
	next := served
	next.Splits = nil
	splits(in, &next, &served)
	if len(next.Splits) != 1 {
		t.Errorf("before the first turn the splits are %v", next.Splits)
	}
	next.Endpoints = next.Endpoints[:1]
	splits(in, &next, &served)
	if len(next.Splits) != 0 {
		t.Errorf("without iad the splits are %v", next.Splits)
	}
}

// A majority of probes takes a site out of the shares.
func TestJudgedDown(t *testing.T) {
	in, s := steered(t), steering{}
	in.Current.Services[0].Health = &plan.Health{Type: plan.ProbeTCP, Port: 80, Interval: time.Second}
	in.Now = in.Now.Add(15 * time.Second)
	in.report(80, 20)
	in.Servers = map[string]ServerObservation{}
	for name, dead := range map[string]bool{"ns1": true, "ns2": true, "ns3": false} {
		r := signal.NameServerReport{Name: name}
		if dead {
			r.Dead = []signal.DeadEndpoint{{Service: "chat.shop.edge.example.", Site: "fra"}}
		}
		in.Servers[name] = ServerObservation{Report: r, Received: in.Now}
	}
	s.turn(in, answerSums{})
	v := s.verdicts[endpointKey{"chat.shop.edge.example.", "fra"}]
	if !v.Down || v.Reason != "probes of 2 of 3 name servers fail" {
		t.Errorf("%+v", v)
	}
}

// What the owner chose reaches the loop: every class goes to as many sites as the policy says.
func TestPolicyOfTheLoop(t *testing.T) {
	in, s := steered(t), steering{}
	service := &in.Current.Services[0]
	service.Steering.MinSites, service.Steering.ConnectionLife, service.Steering.GainMicro = 2, time.Minute, 40_000
	service.Steering.Watermarks = plan.Watermarks{LowPercent: 60, HighPercent: 80}
	for range 20 {
		in.Now = in.Now.Add(15 * time.Second)
		in.report(20, 20)
		s.turn(in, answerSums{})
	}
	out := s.outputs[service.Name]
	if len(out.Splits) == 0 {
		t.Fatal("no class is spread")
	}
	for _, split := range out.Splits {
		if len(split.Shares) != 2 {
			t.Errorf("class %s goes to %v", split.Class, split.Shares)
		}
	}
}

// Where the policy says calmTTL, sites that have long been calm are so in the map, and their answers may live so long.
func TestCalmSites(t *testing.T) {
	for ttl, calm := range map[time.Duration]bool{0: false, time.Minute: true} {
		in, s := steered(t), steering{}
		service := &in.Current.Services[0]
		service.Steering.CalmTTL = ttl
		for range 20 {
			in.Now = in.Now.Add(15 * time.Second)
			in.report(20, 80)
			s.turn(in, answerSums{})
		}
		in.Steered = s.outputs
		next := *service
		next.Endpoints = slices.Clone(next.Endpoints)
		splits(in, &next, service)
		if fra, iad := next.Endpoints[0], next.Endpoints[1]; fra.Calm != calm || fra.Brief || iad.Calm || !iad.Brief {
			t.Errorf("calmTTL %v: %+v, %+v", ttl, fra, iad)
		}
		if sites := s.loads()[0].Sites; sites[0].Calm != calm || (sites[0].State() == "calm") != calm || sites[1].State() != "shedding" {
			t.Errorf("calmTTL %v: told %+v", ttl, sites)
		}
		if got := newSiteTable(in).answers; got != max(ttl, service.TTL) {
			t.Errorf("calmTTL %v: the longest answer lives for %v", ttl, got)
		}
	}
}

// failing is a turn in which the load balancer at fra has counted this many requests, all of them errors, and that many replicas.
func (in *Inputs) failing(s *steering, requests uint64, ready int) SiteLoadInfo {
	in.Now = in.Now.Add(15 * time.Second)
	in.report(10, 10)
	fra := &in.Reports["fra"].Report.Services[0]
	fra.ReadyReplicas, fra.Load.RequestsTotal, fra.Load.Errors5xxTotal = ready, &requests, &requests
	s.turn(*in, answerSums{})
	return s.loads()[0].Sites[0]
}

// Where less than half of the capacity is up, a site that fails without being proven dead counts again, and its neighbour is not
// left to carry everybody; one that is proven dead does not, nor does either while half is up.
func TestPanic(t *testing.T) {
	for _, c := range []struct {
		name    string
		iad     gslb.MilliRPS
		drained bool
		ready   int
		counts  bool
	}{
		{"half is up", 100_000, false, 10, false},
		{"less than half is up", 90_000, false, 10, true},
		{"what is drained is not up", 100_000, true, 10, true},
		{"it has no ready replica", 90_000, false, 0, false},
	} {
		in, s := steered(t), steering{}
		in.Current.Services[0].Endpoints[1].Capacity, in.Current.Services[0].Endpoints[1].Drained = c.iad, c.drained
		var fra SiteLoadInfo
		for i := range uint64(5) {
			fra = in.failing(&s, (i+1)*1000, c.ready)
		}
		notes := s.loads()[0].Notes
		if !fra.Down || (fra.Counted > 0) != c.counts || (len(notes) > 0) != c.counts {
			t.Errorf("%s: down %v for %s, %v counted, notes %q", c.name, fra.Down, fra.Why, fra.Counted, notes)
		}
	}
}

// Times that were measured to sites that the map does not have are a warning.
func TestHubTellsOfUnknownTimes(t *testing.T) {
	in, s := steered(t), steering{}
	var b geodata.Builder
	if err := b.RTT("rtt.yaml").Add(netip.MustParsePrefix("20.0.0.0/16"), []geodata.SiteRTT{{Site: "fra"}, {Site: "frankfurt"}}); err != nil {
		t.Fatal(err)
	}
	if s.unknownTimes() != nil {
		t.Error("trouble before the first turn")
	}
	s.turn(in, answerSums{})
	if err := s.unknownTimes(); err != nil {
		t.Errorf("a table without times: %v", err)
	}
	var err error
	if in.Geo, err = b.Build(geodata.Origin{Source: "test"}); err != nil {
		t.Fatal(err)
	}
	s.turn(in, answerSums{})
	if err := s.unknownTimes(); err == nil || !strings.Contains(err.Error(), "[frankfurt]") {
		t.Errorf("got %v", err)
	}
}
