package steer

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// replayed is a snapshot of what is stored of another: the encoded map and table, and what was down.
func replayed(t *testing.T, snapshot *world.Snapshot) *world.Snapshot {
	t.Helper()
	data, err := snapshot.Plan.Map.Encode()
	if err != nil {
		t.Fatal(err)
	}
	m, err := plan.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := snapshot.Plan.Geo.Table.Encode(&file); err != nil {
		t.Fatal(err)
	}
	table, err := geodata.Decode(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	b := world.NewBuilder()
	b.SetPlan(snapshot.Generation, plan.Compile(m, snapshot.Plan.Digest, plan.NewGeo(table), nil))
	for i, e := range m.Services[0].Endpoints {
		for _, a := range e.Addresses {
			alive, _ := snapshot.Service(0).Endpoints[i].Addresses(plan.FamilyOf(a.Addr), nil, false)
			down := true
			for _, addr := range alive {
				down = down && addr != a.Addr
			}
			b.SetDown(world.Target{Service: name, Addr: a.Addr}, down)
		}
	}
	return b.Snapshot()
}

// A stored snapshot answers as the one that was served, bit for bit.
func TestReplay(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for range 5 {
		served := exactWorld(t, rng)
		again := replayed(t, served)
		for i := range 200 {
			q := Query{Family: plan.Family(i % 2), Client: gslb.Resolver(exactClient(rng)), At: rng.Int64N(1 << 32)}
			if i%3 > 0 {
				q.Client = gslb.Client(gslb.Unit(exactClient(rng)), true)
			}
			if a, b := Decide(served, q), Decide(again, q); !reflect.DeepEqual(a, b) {
				t.Fatalf("%+v: %+v was answered, %+v is replayed", q, a, b)
			}
			trace := Explain(served, name, q)
			d := Decide(served, q)
			if !reflect.DeepEqual(trace, Explain(again, name, q)) || trace.Reason != d.Reason.String() || trace.Scope.Bits() != max(d.ScopeBits, 0) {
				t.Fatalf("%+v: Decide %+v, Explain %+v", q, d, trace)
			}
		}
	}
}

// A known resolver has the class of its clients, and with it their split.
func TestKnownResolversOfSplitClasses(t *testing.T) {
	var b geodata.Builder
	layer := b.Source("test")
	for prefix, place := range map[string]geodata.Place{"20.0.0.0/8": at(50, 8, ""), "23.0.0.0/8": at(39, -77, "")} {
		if err := layer.Add(netip.MustParsePrefix(prefix), place); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Resolvers("known").Add(netip.MustParsePrefix("23.9.9.9/32"), at(50, 8, "")); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	geo := plan.NewGeo(table)
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""}, endpoint{"pek", 1, ""})
	m.Services[0].Splits = []plan.Split{{Class: classOf(t, geo, m, german).Key, Shares: []plan.SiteShare{{Site: "pek", Share: gslb.WholeShare}}}}
	builder := world.NewBuilder()
	builder.SetPlan(3, plan.Compile(m, "sha256:test", geo, nil))
	snapshot := builder.Snapshot()
	for client, want := range map[string]string{
		"20.1.2.3": "pek split /8 answered", "23.9.9.9": "pek split /32 answered", "23.9.9.8": "iad nearest /8 answered",
	} {
		if got := text(snapshot, Decide(snapshot, fromResolver(client, 0))); got != want {
			t.Errorf("%s: %s, want %s", client, got, want)
		}
	}
	if got := text(snapshot, Decide(snapshot, fromECS("23.9.9.0/24"))); got != "iad nearest /8 answered" {
		t.Errorf("a client in the resolver's network: %s", got)
	}
}

func TestExplainSplits(t *testing.T) {
	sites := []endpoint{{"fra", 120, ""}, {"iad", 240, ""}, {"pek", 360, ""}}
	m := mapOf(plan.Steering{Method: plan.Proximity}, sites...)
	splitClass(t, m, german, shares{"fra": 6250, "iad": 3750})
	splitClass(t, m, us, shares{"iad": gslb.WholeShare})
	m.HeavyResolvers = []netip.Addr{netip.MustParseAddr("20.9.9.9")}
	m.Services[0].Endpoints[1].Brief = true
	for file, c := range map[string]struct {
		q    Query
		down []netip.Addr
	}{
		"split":              {fromECS("20.1.2.0/24"), nil},
		"split-one-site":     {fromECS("23.1.2.0/24"), nil},
		"split-one-left":     {fromECS("20.1.2.0/24"), []netip.Addr{addressOf(0)}},
		"split-none-left":    {fromECS("20.1.2.0/24"), []netip.Addr{addressOf(0), addressOf(1)}},
		"split-resolver":     {fromResolver("20.1.2.3", 1_800_000_000), nil},
		"split-heavy":        {fromResolver("20.9.9.9", 1_800_000_000), nil},
		"split-not-this-one": {fromECS("21.1.2.0/24"), nil},
	} {
		t.Run(file, func(t *testing.T) {
			trace := Explain(compile(t, m, c.down...), name, c.q)
			got, err := json.MarshalIndent(trace, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", "explain", file+".json"), got)
		})
	}
}

// The line for people has what decided.
func TestSplitText(t *testing.T) {
	m := mapOf(plan.Steering{Method: plan.Proximity}, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""}, endpoint{"pek", 1, ""})
	splitClass(t, m, german, shares{"fra": 6250, "iad": 3750})
	m.HeavyResolvers = []netip.Addr{netip.MustParseAddr("20.9.9.9")}
	snapshot := compile(t, m)
	class := string(classOf(t, table(t), m, german).Key)
	for _, c := range []struct {
		q    Query
		want string
	}{
		{fromECS("20.1.2.0/24"), "class " + class + ": fra 62.5 %, iad 37.5 %; by 20.1.0.0/16, a /16 carries at most 1/256 of the class"},
		{fromResolver("20.1.2.3", 0), "class " + class + ": fra 62.5 %, iad 37.5 %; by 20.1.2.3/32, the resolver, since no client subnet came"},
		{fromResolver("20.9.9.9", 3000), "class " + class + ": fra 62.5 %, iad 37.5 %; by 20.9.9.9/32, a resolver with more than 1/32 of a class, cut into slots of 3 s, slot 1001"},
		{fromECS("23.1.2.0/24"), "class " + string(classOf(t, table(t), m, us).Key) + ": the class has no split"},
	} {
		if got := Explain(snapshot, name, c.q).Split.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestDecideSplitAllocatesNothing(t *testing.T) {
	m := dual(t, 2, endpoint{"fra", 1, ""}, endpoint{"iad", 1, ""}, endpoint{"pek", 1, ""})
	splitClass(t, m, german, shares{"fra": 5000, "iad": 3000, "pek": 2000})
	m.HeavyResolvers = []netip.Addr{netip.MustParseAddr("20.9.9.9")}
	snapshot := compile(t, m, addressOf(1))
	for _, q := range []Query{fromECS("20.1.2.0/24"), fromECS("23.1.2.0/24"), fromResolver("20.1.2.3", 7), fromResolver("20.9.9.9", 7)} {
		for q.Family = range plan.Families {
			if n := testing.AllocsPerRun(100, func() { Decide(snapshot, q) }); n != 0 {
				t.Errorf("%+v: Decide allocates %v times per run, want 0", q, n)
			}
		}
	}
}
