package loop

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

var chatClass = DemandOf{"chat.edge.example.", "00000000000000aa"}

// heavyWorld hears the same answers every epoch.
type heavyWorld struct {
	t   *testing.T
	h   Heavy
	now time.Time
	// class is what an epoch's answers to the class live, of what those to each resolver.
	class int64
	of    map[string]int64
	last  []netip.Addr
	// changes is how often the list changed.
	changes int
}

func newHeavyWorld(t *testing.T, class int64, of map[string]int64) *heavyWorld {
	return &heavyWorld{t: t, now: time.Unix(1_800_000_000, 0), class: class, of: of}
}

// pass lets epochs go by.
func (w *heavyWorld) pass(epochs int) {
	for range epochs {
		if w.class > 0 {
			w.h.HearClass(chatClass, w.class)
		}
		for addr, seconds := range w.of {
			w.h.HearResolver(chatClass, netip.MustParseAddr(addr), seconds)
		}
		list := w.h.Look(w.now)
		if !slices.Equal(w.last, list) {
			w.changes++
		}
		w.last, w.now = list, w.now.Add(Epoch)
	}
}

// window is how many epochs make one, with the one in which the first part begins.
const window = int(HeavyWindow/Epoch) + 1

func (w *heavyWorld) expect(what string, want ...string) {
	w.t.Helper()
	var addrs []netip.Addr
	for _, text := range want {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	if !slices.Equal(w.last, addrs) {
		w.t.Errorf("%s: %v, want %v", what, w.last, addrs)
	}
}

func TestHeavyAreThoseAboveThePart(t *testing.T) {
	w := newHeavyWorld(t, 3200, map[string]int64{
		"192.0.2.9": 101, "2001:db8::1": 2000, "192.0.2.1": 101, // more than 1/32
		"192.0.2.2": 100, "192.0.2.3": 1, // and not
	})
	w.pass(window - 1)
	w.expect("before a window is over")
	w.pass(1)
	w.expect("after it", "192.0.2.1", "192.0.2.9", "2001:db8::1")
}

// Whoever stands at the threshold comes once and goes once, and goes only where he is clearly below it.
func TestHeavyResolversDoNotFlap(t *testing.T) {
	w := newHeavyWorld(t, 3200, map[string]int64{"192.0.2.1": 0})
	rng := rand.New(rand.NewPCG(1, 1))
	for range 400 {
		w.of["192.0.2.1"] = 60 + rng.Int64N(80) // 100 is the threshold
		w.pass(4)
	}
	w.expect("around the threshold", "192.0.2.1")
	if w.changes != 1 {
		t.Errorf("it came and went %d times", w.changes)
	}
	w.of["192.0.2.1"] = 51
	w.pass(window + 4)
	w.expect("at 1/63", "192.0.2.1")
	w.of["192.0.2.1"] = 49
	w.pass(window + 4)
	w.expect("at 1/65")
}

// A class that hardly anybody asks for has no heavy resolvers.
func TestHeavyResolversAsk(t *testing.T) {
	w := newHeavyWorld(t, 10, map[string]int64{"192.0.2.1": 7})
	w.pass(2 * window)
	w.expect("140 s of 300")
	w.of["192.0.2.1"] = 8
	w.pass(2 * window)
	w.expect("160 s of 300", "192.0.2.1")
	w.of["192.0.2.1"] = 4
	w.pass(2 * window)
	w.expect("80 s of 300", "192.0.2.1")
	w.of["192.0.2.1"] = 3
	w.pass(2 * window)
	w.expect("60 s of 300")
}

// A part of one class is enough, whatever there is in others.
func TestHeavyInOneClass(t *testing.T) {
	w := newHeavyWorld(t, 1_000_000, map[string]int64{"192.0.2.1": 100})
	other := DemandOf{"chat.edge.example.", "00000000000000bb"}
	for range window {
		w.h.HearClass(other, 200)
		w.h.HearResolver(other, netip.MustParseAddr("192.0.2.1"), 20)
		w.pass(1)
	}
	w.expect("1/10 of one class, 1/10,000 of another", "192.0.2.1")
}

// Missing data changes nothing: a new leader keeps what is served until it has heard a window, and so does one that hears
// nothing any more.
func TestHeavyResolversStayWhileNobodyReports(t *testing.T) {
	w := newHeavyWorld(t, 3200, map[string]int64{"192.0.2.1": 500})
	w.h.Remember([]netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.5")})
	w.pass(window - 1)
	w.expect("a new leader", "192.0.2.5", "192.0.2.7")
	w.pass(1)
	w.expect("that has heard a window", "192.0.2.1")
	w.class, w.of = 0, nil
	w.pass(10 * window)
	w.expect("deaf for an hour", "192.0.2.1")
	w.class, w.of = 3200, map[string]int64{"192.0.2.2": 500}
	w.pass(window - 5)
	w.expect("heard again for less than a window", "192.0.2.1")
	w.pass(9)
	w.expect("for a window", "192.0.2.2")
}

// Those in the list keep their places when there is no room, and then the heaviest come.
func TestHeavyResolversAreBounded(t *testing.T) {
	h, now := Heavy{}, time.Unix(1_800_000_000, 0)
	addr := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 20<<24+uint32(i))))
	}
	const first, all = plan.MaxHeavyResolvers - 100, plan.MaxHeavyResolvers + 500
	hear := func(n int) []netip.Addr {
		var list []netip.Addr
		for range 6 {
			for i := range n { // each has a class of its own, and a part that grows with its number
				of := DemandOf{gslb.Name(addr(i).String()), "00000000000000aa"}
				h.HearClass(of, 1_000_000)
				h.HearResolver(of, addr(i), int64(100_000+i))
			}
			list, now = h.Look(now), now.Add(heavyPart)
		}
		return list
	}
	if list := hear(first); len(list) != first {
		t.Fatalf("%d are listed, want %d", len(list), first)
	}
	list := hear(all)
	if len(list) != plan.MaxHeavyResolvers || !slices.IsSortedFunc(list, netip.Addr.Compare) {
		t.Errorf("%d are listed, want %d in order", len(list), plan.MaxHeavyResolvers)
	}
	for i := range all {
		_, listed := slices.BinarySearchFunc(list, addr(i), netip.Addr.Compare)
		if want := i < first || i >= all-100; listed != want {
			t.Fatalf("number %d is listed: %v", i, listed)
		}
	}
	if list := hear(all); len(list) != plan.MaxHeavyResolvers {
		t.Errorf("%d are listed in the end", len(list))
	}
}

// What reports make up does not fill the memory.
func TestHeavyCountsAreBounded(t *testing.T) {
	var h Heavy
	for i := range maxHeavyCounts + 1000 {
		octets := binary.BigEndian.AppendUint32(nil, uint32(i))
		h.HearClass(DemandOf{gslb.Name(octets), "a"}, 1)
		h.HearResolver(chatClass, netip.AddrFrom4([4]byte(octets)), 1)
	}
	if c := h.parts[0]; len(c.all) != maxHeavyCounts || len(c.of) != maxHeavyCounts {
		t.Errorf("%d classes and %d resolvers", len(c.all), len(c.of))
	}
	h.HearClass(DemandOf{gslb.Name([]byte{0, 0, 0, 1}), "a"}, 1)
	if got := h.parts[0].all[DemandOf{gslb.Name([]byte{0, 0, 0, 1}), "a"}]; got != 2 {
		t.Errorf("one that is known has %d", got)
	}
}
