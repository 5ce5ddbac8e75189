package tally

import (
	"cmp"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// asker is a resolver, a class of its clients, and an endpoint that they are sent to.
type asker struct {
	resolver netip.Addr
	class    int
	endpoint int
}

// A class goes to as many endpoints at most, and so does each resolver that carries 1/32 of it, slot by slot (plan.HeavySlot);
// manyHeavy is how many do, if all of the classes are theirs. The others keep to one endpoint for a TTL.
const (
	slot      = 3 // seconds
	classes   = 7
	endpoints = 8
	manyHeavy = 32 * classes >> scaleBits
)

// add counts an answer to an asker.
func (s *Service) add(a asker, seconds int64) {
	s.AddResolver(a.class, a.endpoint, a.resolver, seconds)
}

// exact is the dumb reference: a map of everybody.
type exact map[asker]int64

func (e exact) add(a asker, seconds int64) { e[a] += seconds }

// heaviest are the n with the most seconds.
func (e exact) heaviest(n int) (list []asker) {
	for a := range e {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b asker) int {
		if d := e[b] - e[a]; d != 0 {
			return int(d)
		}
		return cmp.Or(a.resolver.Compare(b.resolver), a.class-b.class, a.endpoint-b.endpoint)
	})
	return list[:min(n, len(list))]
}

// whole puts a resolver's endpoints together.
func (e exact) whole() exact {
	sums := exact{}
	for a, seconds := range e {
		sums.add(asker{resolver: a.resolver, class: a.class}, seconds)
	}
	return sums
}

// taken sums what a table has counted.
func taken(r *Resolvers) exact {
	sums := exact{}
	r.Take(func(_ uint32, class, endpoint int, resolver netip.Addr, seconds int64) bool {
		sums.add(asker{resolver, class, endpoint}, seconds)
		return true
	})
	return sums
}

// scaled is a number at the scale of this run, scaledTable the table for it.
func scaled(n int) int { return n >> scaleBits }

func scaledTable(seed uint64) *Resolvers { return newResolvers(seed, bucketBits-scaleBits) }

// smallTable is a sixteenth of a table.
func smallTable(seed uint64) *Resolvers { return newResolvers(seed, bucketBits-4) }

func resolverOf(i int) netip.Addr {
	if i%3 == 0 {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(i >> 16), byte(i >> 8), byte(i), 15: 0x53})
	}
	return netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)})
}

// spoofed is any address of the net.
func spoofed(rng *rand.Rand) netip.Addr {
	n := rng.Uint32()
	return netip.AddrFrom4([4]byte{100 + byte(n>>24)%100, byte(n >> 16), byte(n >> 8), byte(n)})
}

// crowd asks on behalf of resolvers whose sizes are Zipf-distributed, most of them once in a while.
type crowd struct {
	rng  *rand.Rand
	zipf *rand.Zipf
}

func newCrowd(seed uint64, resolvers uint64) crowd {
	rng := rand.New(rand.NewPCG(seed, 1))
	return crowd{rng, rand.NewZipf(rng, 1.1, 1, resolvers-1)}
}

// ask has one of them ask once. A heavy one comes back with every slot, and is sent to any endpoint of its class.
func (c crowd) ask(count func(a asker, seconds int64)) {
	i := int(c.zipf.Uint64())
	a, ttl := asker{resolverOf(i), i % classes, i % endpoints}, []int64{10, 30, 60}[i%3]
	if i >= manyHeavy {
		count(a, ttl)
		return
	}
	for range ttl / slot {
		a.endpoint = c.rng.IntN(endpoints)
		count(a, slot)
	}
}

// expectHeavy holds the heaviest of the reference against the table: none is missing, and none is wrong by more than a part.
func expectHeavy(t *testing.T, got, want exact, n int, part float64) {
	t.Helper()
	missing, wrong, worst := 0, 0, 0.0
	for _, a := range want.heaviest(n) {
		off := math.Abs(float64(got[a]-want[a]) / float64(want[a]))
		worst = max(worst, off)
		switch {
		case got[a] == 0:
			missing++
		case off > part:
			wrong++
		}
	}
	t.Logf("the heaviest %d are off by at most %.4f", n, worst)
	if missing+wrong > 0 {
		t.Errorf("of the %d heaviest %d are missing and %d are wrong by more than %v", n, missing, wrong, part)
	}
}

// The heaviest 1,000 of a hundred thousand resolvers are right, and nobody has more than he asked for.
func TestHeavyResolversAreCounted(t *testing.T) {
	for seed := range uint64(3) {
		r, want, c := scaledTable(seed), exact{}, newCrowd(seed, uint64(scaled(100_000)))
		s := New(classes, endpoints).Counting(r)
		for range scaled(1_000_000) {
			c.ask(func(a asker, seconds int64) {
				s.add(a, seconds)
				want.add(a, seconds)
			})
		}
		got := taken(r)
		expectHeavy(t, got, want, scaled(1000), 0.03)
		expectHeavy(t, got.whole(), want.whole(), scaled(1000), 0.06)
		for a, seconds := range got {
			if seconds > want[a] {
				t.Fatalf("%v has %d s, counted %d", a, want[a], seconds)
			}
		}
		if again := taken(r); len(again) > 0 {
			t.Fatalf("%d are counted twice", len(again))
		}
	}
}

// A million addresses that are made up, each for one answer, do not push those out that ask again and again, whether the
// attack began before them or after. Each report is of 100,000 answers to resolvers and, once they attack, 300,000 to them.
func TestSpoofedAddressesPushNobodyOut(t *testing.T) {
	for name, first := range map[string]int{"a known crowd is attacked": 2, "an attack from the start": 0} {
		t.Run(name, func(t *testing.T) {
			r, c := scaledTable(7), newCrowd(7, uint64(scaled(5_000)))
			s := New(classes, endpoints).Counting(r)
			for report := range first + 4 {
				want := exact{}
				for range scaled(100_000) {
					c.ask(func(a asker, seconds int64) {
						s.add(a, seconds)
						want.add(a, seconds)
					})
					for attack := 0; report >= first && attack < 3; attack++ {
						s.AddResolver(0, 0, spoofed(c.rng), 60)
					}
				}
				got := taken(r)
				if report >= 2 { // what it takes to be known
					expectHeavy(t, got, want, scaled(300), 0.03)
					expectHeavy(t, got.whole(), want.whole(), scaled(300), 0.03)
				}
			}
		})
	}
}

// Whoever becomes heavy while the table is full of others gets in.
func TestNewcomersGetIn(t *testing.T) {
	r, c := smallTable(3), newCrowd(3, 100_000)
	s := New(classes, endpoints).Counting(r)
	for range 20_000 {
		c.ask(s.add)
	}
	taken(r)
	newcomer := asker{netip.MustParseAddr("203.0.113.9"), 5, 3}
	const asks = 300
	for range asks {
		for range 100 {
			c.ask(s.add)
		}
		s.add(newcomer, 30)
	}
	if got := taken(r)[newcomer]; got < asks*30*95/100 {
		t.Errorf("%d s of %d", got, asks*30)
	}
}

// One that asks every 30 s, which is every third report, is not taken for one of the made-up.
func TestSlowResolversAreGuarded(t *testing.T) {
	r, rng := smallTable(5), rand.New(rand.NewPCG(5, 5))
	s := New(1, 1).Counting(r)
	const reports, resolvers, attack = 60, 32, 6_000
	lost := 0
	for report := range reports {
		for i := range resolvers {
			if report%3 == i%3 {
				s.AddResolver(0, 0, resolverOf(i), 30)
			}
		}
		if report >= reports/2 {
			for range attack {
				s.AddResolver(0, 0, spoofed(rng), 30)
			}
		}
		got := taken(r)
		for i := range resolvers {
			if report >= reports/2 && report%3 == i%3 && got[asker{resolverOf(i), 0, 0}] != 30 {
				lost++
			}
		}
	}
	if all := reports / 2 * resolvers / 3; lost > all*3/100 {
		t.Errorf("%d of %d answers were not counted", lost, all)
	}
}

// A stranger has to wear a cell down before it is his: of a full bucket of eight that asked 20 times, nobody goes for the
// first 25, and one for the first 200.
func TestStrangersWearCellsDown(t *testing.T) {
	for strangers, gone := range map[int]int{25: 0, 200: 1} {
		r, rng := newResolvers(1, 0), rand.New(rand.NewPCG(1, 1))
		s := New(1, 1).Counting(r)
		for i := range 20 * bucketCells {
			s.AddResolver(0, 0, resolverOf(i%bucketCells), 30)
		}
		for range strangers {
			s.AddResolver(0, 0, spoofed(rng), 30)
		}
		got, left := taken(r), 0
		for i := range bucketCells {
			if got[asker{resolverOf(i), 0, 0}] == 20*30 {
				left++
			}
		}
		if left != bucketCells-gone {
			t.Errorf("after %d strangers %d of %d are left", strangers, left, bucketCells)
		}
	}
}

// What is of no service any more makes room, and does not come again.
func TestForgottenServices(t *testing.T) {
	r := NewResolvers(1)
	old, next := New(1, 1).Counting(r), New(1, 1).Counting(r)
	addr := netip.MustParseAddr("192.0.2.53")
	old.AddResolver(0, 0, addr, 30)
	next.AddResolver(0, 0, addr, 60)
	known := func(service uint32, class, _ int, resolver netip.Addr, seconds int64) bool {
		if service == next.Number() && (class != 0 || resolver != addr || seconds != 60) {
			t.Errorf("class %d, %v: %d s", class, resolver, seconds)
		}
		return service == next.Number()
	}
	r.Take(known)
	if n := cellsOf(r); n != 1 {
		t.Errorf("%d cells are taken, want that of the service that is left", n)
	}
	for range 100 { // what nobody asks for any more is forgotten too
		taken(r)
	}
	if n := cellsOf(r); n != 0 {
		t.Errorf("%d cells are taken", n)
	}
}

func cellsOf(r *Resolvers) (taken int) {
	for i := range r.buckets {
		for k := range bucketCells {
			if r.buckets[i].mark[k].Load() != free {
				taken++
			}
		}
	}
	return taken
}

func TestAddResolverCountsOnlyItsOwn(t *testing.T) {
	r, addr := NewResolvers(1), netip.MustParseAddr("192.0.2.53")
	s := New(2, 1).Counting(r)
	for _, at := range [][2]int{{-1, 0}, {2, 0}, {0, -1}, {0, 1}} {
		s.AddResolver(at[0], at[1], addr, 30)
	}
	New(2, 1).AddResolver(0, 0, addr, 30)
	New(2, 1).Counting(nil).AddResolver(0, 0, addr, 30)
	var none *Service
	none.AddResolver(0, 0, addr, 30)
	if got := taken(r); len(got) > 0 || none.Number() != 0 {
		t.Errorf("counted %v", got)
	}
	var noTable *Resolvers
	noTable.Take(nil)
}

// Goroutines that add at once lose next to nothing, and one that takes meanwhile gets nothing twice.
func TestResolversTogether(t *testing.T) {
	r := smallTable(9)
	s := New(1, 1).Counting(r)
	const goroutines, answers, resolvers = 4, 20_000, 50
	var adding sync.WaitGroup
	for range goroutines {
		adding.Go(func() {
			for i := range answers {
				s.AddResolver(0, 0, resolverOf(i%resolvers), 30)
			}
		})
	}
	done := make(chan struct{})
	go func() { adding.Wait(); close(done) }()
	sum := int64(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, seconds := range taken(r) {
			sum += seconds
		}
		runtime.Gosched()
	}
	if all := int64(goroutines * answers * 30); sum > all || sum < all*99/100 {
		t.Errorf("%d s of %d", sum, all)
	}
}

func TestAddResolverAllocatesNothing(t *testing.T) {
	r, rng := NewResolvers(1), rand.New(rand.NewPCG(1, 1))
	s := New(1, 1).Counting(r)
	if n := testing.AllocsPerRun(10_000, func() { s.AddResolver(0, 0, spoofed(rng), 30) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAdd is what counting costs an answer: by class and endpoint as to everybody, and then by resolver, one that asks
// again and again, the crowd, and one that nobody has seen.
func BenchmarkAdd(b *testing.B) {
	c := newCrowd(1, 100_000)
	var known, strangers [1 << 16]asker
	for i := range known {
		c.ask(func(a asker, _ int64) { known[i] = a })
		strangers[i] = asker{spoofed(c.rng), 0, 0}
	}
	r := NewResolvers(1)
	s := New(classes, endpoints).Counting(r)
	for range 20 {
		for _, a := range known {
			s.add(a, 30)
		}
	}
	b.Run("class", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s.Add(i%classes, i%endpoints, 30)
		}
	})
	run := func(name string, askers []asker) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.add(askers[i&(len(askers)-1)], 30)
			}
		})
	}
	run("resolver", known[:1])
	run("crowd", known[:])
	run("strangers", strangers[:])
	b.Run("cores", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				s.add(known[i&(len(known)-1)], 30)
			}
		})
	})
}
