package hub

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

func addrs(list ...string) (parsed []netip.Addr) {
	for _, text := range list {
		parsed = append(parsed, netip.MustParseAddr(text))
	}
	return parsed
}

// What the loop says of every service is in the map, each resolver once and in order, and no more than a map may have.
func TestHeavyResolversOfAllServices(t *testing.T) {
	many := func(first byte, n int) (list []netip.Addr) {
		for i := range n {
			list = append(list, netip.AddrFrom4([4]byte{first, 0, byte(i >> 8), byte(i)}))
		}
		return list
	}
	served := &plan.Map{HeavyResolvers: addrs("192.0.2.9")}
	for name, c := range map[string]struct {
		heavy  map[gslb.Name][]netip.Addr
		served *plan.Map
		want   []netip.Addr
	}{
		"before the first turn":               {nil, served, addrs("192.0.2.9")},
		"before there is a map":               {nil, nil, nil},
		"nobody is heavy":                     {map[gslb.Name][]netip.Addr{"a.": nil}, served, nil},
		"of two services":                     {map[gslb.Name][]netip.Addr{"a.": addrs("192.0.2.2", "2001:db8::1"), "b.": addrs("192.0.2.1")}, served, addrs("192.0.2.1", "192.0.2.2", "2001:db8::1")},
		"the same of two services":            {map[gslb.Name][]netip.Addr{"a.": addrs("192.0.2.1"), "b.": addrs("192.0.2.1")}, served, addrs("192.0.2.1")},
		"as many as a map may have, and more": {map[gslb.Name][]netip.Addr{"a.": many(20, 6000), "b.": many(30, 6000)}, served, append(many(20, 6000), many(30, 4000)...)},
	} {
		s := steering{heavy: c.heavy}
		if got := s.heavyResolvers(c.served); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %d: %.60v, want %.60v", name, len(got), got, c.want)
		}
	}
}

// Every turn says anew who is heavy: of a service that was stepped what the loop says now, of one that sleeps what it said
// last, and of one that is steered otherwise, or gone, nothing. That ends in the map.
func TestHeavyResolversEndInTheMap(t *testing.T) {
	in, s := steered(t), steering{}
	zone := &v1alpha1.Zone{ObjectMeta: metav1.ObjectMeta{Name: "edge.example"}}
	zone.Spec.Nameservers = []v1alpha1.Nameserver{{Name: "ns1.edge.example", Addresses: []string{"192.0.2.53"}}}
	in.Zones = []*v1alpha1.Zone{zone}
	both := in.Current.Services[0].Endpoints
	for _, c := range []struct {
		what   string
		change func(*plan.Service)
		want   string
	}{
		{"asleep", func(s *plan.Service) { s.Asleep = true }, "[192.0.2.53]"},
		{"at one site", func(s *plan.Service) { s.Asleep, s.Endpoints = false, both[:1] }, "[192.0.2.53]"},
		{"at two sites again", func(s *plan.Service) { s.Endpoints = both }, "what the loop says"},
		{"steered otherwise", func(s *plan.Service) { s.Steering.Method = plan.Failover }, "[]"},
	} {
		in.Now = in.Now.Add(loop.Epoch)
		in.report(20, 20)
		s.heavy = map[gslb.Name][]netip.Addr{chatName: addrs("192.0.2.53"), "gone.edge.example.": addrs("192.0.2.54")}
		next := *in.Current
		next.Services = slices.Clone(next.Services)
		c.change(&next.Services[0])
		in.Current = &next
		s.turn(in, answerSums{})
		output, stepped := s.outputs[chatName]
		if stepped {
			c.want = fmt.Sprint(output.Heavy)
		}
		in.HeavyResolvers = s.heavyResolvers(in.Current)
		out := Plan(in)
		if out.Hold != "" || out.Refused != nil {
			t.Fatal(c.what, out.Hold, out.Refused)
		}
		if got := fmt.Sprint(out.Map.HeavyResolvers); got != c.want || stepped != (c.what == "at two sites again") {
			t.Errorf("%s: the map has %s, want %s", c.what, got, c.want)
		}
	}
}

// A new leader begins with the list of the served map for every service; later, one without a state begins with its own.
func TestHeavyResolversSurviveTheHub(t *testing.T) {
	served := &plan.Map{HeavyResolvers: addrs("192.0.2.53")}
	s := steering{}
	if got := s.rememberedHeavy("chat.", served); len(got) != 1 {
		t.Errorf("a new leader begins with %v", got)
	}
	s.heavy = map[gslb.Name][]netip.Addr{"chat.": addrs("192.0.2.1", "192.0.2.2")}
	for name, want := range map[gslb.Name]int{"chat.": 2, "new.": 0} {
		if got := s.rememberedHeavy(name, served); len(got) != want {
			t.Errorf("%s begins with %v", name, got)
		}
	}
}
