package loop

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/plan"
)

// asker is a resolver with one cache, or a client whose subnet is sent.
type asker struct {
	resolver netip.Addr
	requests float64 // a second, behind it
	site     int
	arrives  []float64 // by site
}

// town is one class at two sites, whose resolvers wander from one to the other.
type town struct {
	askers []asker
	now    time.Time
	state  State
	out    Output
	random *rand.Rand
}

func newTown() *town {
	w := &town{now: time.Unix(1_800_000_000, 0), random: rand.New(rand.NewPCG(3, 4))}
	w.add("192.0.2.1", 40)
	w.add("192.0.2.2", 0.5)
	for range 40 {
		w.add("", 1)
	}
	return w
}

func (w *town) add(resolver string, requests float64) {
	a := asker{requests: requests, arrives: make([]float64, 2)}
	if resolver != "" {
		a.resolver = netip.MustParseAddr(resolver)
	}
	a.arrives[a.site] = requests
	w.askers = append(w.askers, a)
}

// pass is an epoch: every asker asks once in 30 seconds, and gets any site.
func (w *town) pass() {
	seconds := map[Answer]float64{}
	for range int(Epoch / time.Second) {
		w.now = w.now.Add(time.Second)
		for i := range w.askers {
			a := &w.askers[i]
			if (w.now.Unix()+int64(7*i))%30 == 0 {
				a.site = w.random.IntN(2)
				seconds[Answer{Site: a.site, Resolver: a.resolver}] += 30
			}
			for site := range a.arrives {
				held := 0.0
				if site == a.site {
					held = a.requests
				}
				a.arrives[site] += (held - a.arrives[site]) / DefaultConnectionLife.Seconds()
			}
		}
	}
	in := Input{Now: w.now, Classes: []Class{{Key: "00000000000000aa", Candidates: []Candidate{{Site: 0}, {Site: 1, Cost: 100}}}}}
	for a, sum := range seconds {
		a.Seconds = sum
		in.Answers = append(in.Answers, a)
	}
	for site := range 2 {
		sum := 0.0
		for i := range w.askers {
			sum += w.askers[i].arrives[site]
		}
		rate := rps(sum)
		in.Sites = append(in.Sites, Site{ID: gslb.SiteID(fmt.Sprint("site-", site)), Capacity: rps(1000), Up: true, Sample: &load.Sample{At: w.now, Rate: &rate}})
	}
	w.state, w.out = Step(Policy{}, w.state, in)
}

// Which resolver has half of a town behind it, and which a village, shows when they go from one site to the other: both hold one
// answer. The first is heavy, the second is not.
func TestResolversAreToldApart(t *testing.T) {
	w := newTown()
	for range 80 {
		w.pass()
	}
	for _, r := range w.state.Classes["00000000000000aa"].Resolvers {
		switch got := r.PerAnswer / 1000; r.Resolver.String() {
		case "192.0.2.1":
			if got < 30 || got > 50 {
				t.Errorf("%.1f requests/s behind the one with 40", got)
			}
		case "192.0.2.2":
			if got > 3 {
				t.Errorf("%.1f requests/s behind the one with 0.5", got)
			}
		}
	}
	if got := fmt.Sprint(w.out.Heavy); got != "[192.0.2.1]" {
		t.Errorf("%s are heavy", got)
	}
}

// Who was heavy stays so for five minutes, and so does what a leader finds that knows nothing else.
func TestHeavyResolversStay(t *testing.T) {
	w := newTown()
	found := netip.MustParseAddr("192.0.2.99") // which never asks
	w.state = Remembered(nil, []netip.Addr{found})
	listed := 0
	for epoch := 1; epoch <= 30; epoch++ {
		w.pass()
		for _, r := range w.out.Heavy {
			if r == found {
				listed = epoch
			}
		}
	}
	if want := int(heavyFor / Epoch); listed != want {
		t.Errorf("the one that was found is listed for %d epochs, want %d", listed, want)
	}
}

// Whoever is deaf changes nothing: the heavy resolvers stay as well, however long it lasts.
func TestFreezeKeepsHeavyResolvers(t *testing.T) {
	heavy := netip.MustParseAddr("192.0.2.1")
	state := Remembered([]plan.Split{}, []netip.Addr{heavy})
	at := time.Unix(1_800_000_000, 0)
	for range 60 {
		at = at.Add(Epoch)
		var out Output
		state, out = Step(Policy{}, state, Input{Now: at, Sites: []Site{{ID: "fra", Capacity: 1000, Up: true}}})
		if fmt.Sprint(out.Heavy) != "[192.0.2.1]" || !out.Frozen {
			t.Fatalf("%v are heavy at %v", out.Heavy, at)
		}
	}
}
