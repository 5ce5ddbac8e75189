package plan

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// demandWorld is random classes, and what they were made of.
type demandWorld struct {
	table     *geodata.Table
	sites     []*Site
	residency []Residency
	classes   *Classes
}

func randomDemand(t *testing.T, rng *rand.Rand) demandWorld {
	networks, times := map[string]geodata.Place{}, map[string][]geodata.SiteRTT{}
	for range rng.IntN(40) {
		networks[randomNetwork(rng).String()] = randomPlace(rng)
	}
	for range rng.IntN(6) {
		times[randomNetwork(rng).String()] = randomTimes(rng)
	}
	w := demandWorld{table: measuredTable(t, networks, times), sites: randomSites(rng), residency: randomResidency(rng)}
	for _, s := range w.sites {
		s.Region = []string{"", "north", "south"}[rng.IntN(3)]
	}
	w.classes = NewGeo(w.table).ClassesWithin(w.sites, NewTagSet(randomTags(rng), randomPrecedence(rng)), DefaultRounding, w.residency)
	return w
}

// dumbClass is what a walk over the whole table finds for one list of tags and candidates.
type dumbClass struct {
	weight, runs6 int64
	costs         []int64 // times weight
}

// walk yields every stretch of networks that has one place: a unit of it, how many networks it counts, and its family.
func (w demandWorld) walk(yield func(unit netip.Prefix, id geodata.PlaceID, networks, runs6 int64)) {
	type start struct {
		first uint64
		id    geodata.PlaceID
	}
	var v4 []start
	for first, id := range w.table.V4() {
		v4 = append(v4, start{uint64(first), id})
	}
	for i, s := range v4 {
		next := uint64(1 << 32)
		if i+1 < len(v4) {
			next = v4[i+1].first
		}
		octets := [4]byte{byte(s.first >> 24), byte(s.first >> 16), byte(s.first >> 8)}
		yield(gslb.Unit(netip.AddrFrom4(octets)), s.id, int64(next-s.first)/256, 0)
	}
	for first, id := range w.table.V6() {
		var octets [16]byte
		for i := range 8 {
			octets[i] = byte(first >> (56 - 8*i))
		}
		yield(gslb.Unit(netip.AddrFrom16(octets)), id, 1, 1)
	}
}

// dumbMicros is the round trip between a place and a site.
func (w demandWorld) dumbMicros(id geodata.PlaceID, site *Site) int64 {
	place := w.table.Place(id)
	for _, time := range w.table.RTT(place.RTT) {
		if time.Site == site.ID {
			return int64(time.Milliseconds) * 1000
		}
	}
	if !place.HasLocation {
		return 20016 * 20
	}
	return int64(place.Location.Direction().DistanceKm(site.Location.Direction())) * 20
}

// contentOf is what a key is the digest of.
func (w demandWorld) contentOf(tags []TagID, rule uint16, candidates []Candidate) (text string) {
	var list []Tag
	for _, id := range tags {
		if tag := w.classes.Tags.Tag(id); tag != (Tag{}) {
			list = append(list, tag)
		}
	}
	slices.SortFunc(list, func(a, b Tag) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Region, b.Region)) })
	for _, tag := range list {
		text += fmt.Sprintf("tag %s %s\n", tag.Line, tag.Region)
	}
	if rule > 0 {
		text += "clients " + strings.ReplaceAll(joined(w.residency[rule-1].Clients), " or ", " ") + "\n"
	}
	for _, c := range candidates {
		text += fmt.Sprintf("tier %d %s\n", c.Tier, w.sites[c.Site].ID)
	}
	return text
}

// Without merging every class is a demand class; a dumb walk over all networks finds the same weights and costs.
func TestDemandOfEveryClass(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 21))
	for range 30 {
		w := randomDemand(t, rng)
		dumb, seen := map[string]*dumbClass{}, map[geodata.PlaceID]bool{}
		w.walk(func(unit netip.Prefix, id geodata.PlaceID, networks, runs6 int64) {
			class, _ := w.classes.Lookup(unit)
			text := w.contentOf(class.Tags, class.Residency, class.Candidates)
			if dumb[text] == nil {
				dumb[text] = &dumbClass{costs: make([]int64, len(class.Candidates))}
			}
			seen[id] = true
			dumb[text].weight, dumb[text].runs6 = dumb[text].weight+networks, dumb[text].runs6+runs6
			for k, c := range class.Candidates {
				dumb[text].costs[k] += networks * w.dumbMicros(id, w.sites[c.Site])
			}
		})
		demand := w.classes.Demand()
		if demand.AddedMicros != 0 {
			t.Fatalf("%d us added without merging", demand.AddedMicros)
		}
		for i, d := range demand.List {
			text := w.contentOf(d.Tags, d.Residency, d.Candidates)
			if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:16]; string(d.Key) != want {
				t.Fatalf("key %s of %q, want %s", d.Key, text, want)
			}
			if at, ok := demand.Find(d.Key); !ok || at != i {
				t.Fatalf("%s is at %d, found at %d", d.Key, i, at)
			}
			want := dumb[text]
			if len(seen) < w.table.Places() && want == nil {
				continue // the unknown place counts one where everything is known
			}
			got := dumbClass{d.Weight, d.runs6, slices.Clone(d.CostMicros)}
			for k := range want.costs {
				want.costs[k] /= want.weight
			}
			if len(got.costs) == 0 {
				got.costs = want.costs
			}
			if !reflect.DeepEqual(got, *want) {
				t.Fatalf("%q: %+v, want %+v", text, got, *want)
			}
			delete(dumb, text)
		}
		if len(dumb) > 0 {
			t.Fatalf("no demand class for %v", dumb)
		}
	}
}

// However few demand classes there may be, each class is in one with its own tags, whose candidates begin its own list, and
// nothing is counted twice.
func TestMergedDemand(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 22))
	for range 30 {
		w := randomDemand(t, rng)
		most := 1 + rng.IntN(w.classes.Len())
		whole, merged := w.classes.Demand(), w.classes.demandOf(most)
		if len(merged.List) > most || !reflect.DeepEqual(merged, w.classes.demandOf(most)) {
			t.Fatalf("%d demand classes of at most %d, or another time others", len(merged.List), most)
		}
		weights := make([]int64, len(merged.List))
		for group := range w.classes.list {
			class := w.classes.at(geodata.Group(group))
			own, _ := whole.Of(class)
			i, ok := merged.Of(class)
			if !ok {
				continue
			}
			d := merged.List[i]
			if !slices.Equal(d.Tags, class.Tags) || d.Residency != class.Residency || len(d.Candidates) > len(class.Candidates) || !slices.Equal(d.Candidates, class.Candidates[:len(d.Candidates)]) {
				t.Fatalf("%+v is in %+v", class, d)
			}
			weights[i] += whole.List[own].Weight
		}
		for i, d := range merged.List {
			if d.Weight != weights[i] || len(d.CostMicros) != len(d.Candidates) {
				t.Fatalf("%+v, want weight %d", d, weights[i])
			}
		}
		if merged.AddedMicros < 0 {
			t.Fatalf("%d us added", merged.AddedMicros)
		}
	}
}

// lists are classes in short: candidates in order, a weight and the number of their tags.
type lists []struct {
	candidates string
	weight     int64
	tags       uint32
}

func TestMergeLightestFirst(t *testing.T) {
	for _, c := range []struct {
		name  string
		lists lists
		most  int
		want  string
	}{
		{"few enough", lists{{"ab", 1, 0}, {"ac", 9, 0}}, 2, "ab=1 ac=9"},
		{"the lightest two meet", lists{{"abc", 2, 0}, {"abd", 1, 0}, {"ace", 5, 0}, {"acf", 5, 0}}, 3, "ab=3 ace=5 acf=5"},
		{"one joins a shorter list that is there", lists{{"ab", 9, 0}, {"abc", 1, 0}}, 1, "ab=10"},
		{"others too light to stay", lists{{"abc", 1, 0}, {"abd", 2, 0}, {"abe", 3, 0}, {"xyz", 9, 0}}, 2, "ab=6 xyz=9"},
		{"the first candidate is kept", lists{{"ab", 1, 0}, {"xy", 2, 0}, {"cd", 50, 0}, {"ce", 60, 0}}, 3, "a=1 c=110 x=2"},
		{"the heavy ones lose nothing for the lightest", lists{{"ab", 1, 0}, {"xy", 2, 0}, {"cd", 5000, 0}}, 2, "=3 cd=5000"},
		{"one follows another that went on", lists{{"abc", 1, 0}, {"abd", 100, 0}, {"ace", 200, 0}}, 1, "a=301"},
		{"never other tags", lists{{"abc", 1, 0}, {"abd", 1, 7}, {"abe", 2, 0}, {"abf", 2, 7}}, 2, "ab=3 ab=3"},
		{"tags alone are too many", lists{{"ab", 1, 0}, {"ab", 2, 3}, {"ab", 3, 7}}, 2, "=1 =2 =3"},
	} {
		m := newMerger()
		for _, l := range c.lists {
			key := mergeKey{tags: l.tags, count: uint32(len(l.candidates))}
			for i, candidate := range []byte(l.candidates) {
				key.list[i] = uint32(candidate)
			}
			m.add(key, l.weight)
		}
		m.merge(c.most)
		var got []string
		for _, n := range m.nodes {
			if n.into == alive {
				text := ""
				for _, candidate := range n.key.list[:n.key.count] {
					text += string(rune(candidate))
				}
				got = append(got, fmt.Sprintf("%s=%d", text, n.weight))
			}
		}
		slices.Sort(got)
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Where lists of tags alone are too many, the lightest have no demand class.
func TestTagsBeyondTheLastDemandClass(t *testing.T) {
	networks := map[string]geodata.Place{"20.0.0.0/8": {Line: "telecom"}, "21.0.0.0/16": {Line: "unicom"}}
	tags := NewTagSet([]Tag{{"telecom", ""}, {"unicom", ""}}, Precedence{})
	classes := NewGeo(tableOf(t, networks)).Classes(nil, tags, DefaultRounding)
	demand := classes.demandOf(2)
	for client, want := range map[string]bool{"20.0.0.0/24": true, "21.0.0.0/24": false, "30.0.0.0/24": true} {
		class, _ := classes.Lookup(netip.MustParsePrefix(client))
		if _, ok := demand.Of(class); ok != want {
			t.Errorf("%s has a demand class: %v, want %v", client, ok, want)
		}
	}
}

// Units carry at most 1/256 of their class, and twice as wide ones would carry more.
func TestUnitBits(t *testing.T) {
	for _, c := range []struct {
		weight, runs6 int64
		want4, want6  int
	}{
		{1, 0, 24, 56}, {31, 31, 24, 56}, {32, 32, 24, 48}, {511, 0, 24, 56}, {512, 0, 23, 56}, {1023, 0, 23, 56}, {1024, 128, 22, 48},
		{1 << 13, 1000, 19, 48}, {1 << 20, 0, 12, 56}, {1<<24 + 500_000, 500_000, 8, 48},
	} {
		d := DemandClass{Weight: c.weight, runs6: c.runs6}
		if got4, got6 := d.UnitBits(IPv4), d.UnitBits(IPv6); got4 != c.want4 || got6 != c.want6 {
			t.Errorf("weight %d, %d of IPv6: /%d and /%d, want /%d and /%d", c.weight, c.runs6, got4, got6, c.want4, c.want6)
		}
		if carried := int64(1) << (24 - c.want4); c.want4 < 24 && (carried*256 > c.weight || carried*512 <= c.weight) {
			t.Errorf("a /%d carries %d of %d", c.want4, carried, c.weight)
		}
	}
}

// Keys are what a class is, so that a map fits whoever has the same sites and table.
func TestKeysDependOnContentOnly(t *testing.T) {
	networks := map[string]geodata.Place{"20.0.0.0/8": {HasLocation: true, Line: "telecom"}, "21.0.0.0/8": {HasLocation: true}}
	keyOf := func(networks map[string]geodata.Place, sites []*Site) ClassKey {
		tags := NewTagSet([]Tag{{"telecom", ""}, {}}, Precedence{})
		classes := NewGeo(tableOf(t, networks)).Classes(sites, tags, DefaultRounding)
		class, _ := classes.Lookup(netip.MustParsePrefix("20.0.0.0/24"))
		i, _ := classes.Demand().Of(class)
		return classes.Demand().List[i].Key
	}
	var sites []*Site
	for i := range 9 {
		sites = append(sites, &Site{ID: siteName(10 + i), Location: gslb.Location{LatMicro: int32(i) * 5_000_000}})
	}
	const want ClassKey = "5eca899aa607ae70" // of one tag, and eight sites each in a tier of its own
	if got := keyOf(networks, sites); got != want {
		t.Errorf("key %s, want %s: who changes it, maps that are served lose their splits", got, want)
	}
	far := append([]*Site{{ID: "a", Location: gslb.Location{LatMicro: 80_000_000}}}, sites...)
	if got := keyOf(networks, far); got != want {
		t.Errorf("a far site changes it to %s", got)
	}
	networks["22.0.0.0/8"] = geodata.Place{HasLocation: true, Location: gslb.Location{LatMicro: 40_000_000}}
	if got := keyOf(networks, sites); got != want {
		t.Errorf("other networks change it to %s", got)
	}
	sites[1].Location = sites[0].Location
	if got := keyOf(networks, sites); got == want {
		t.Error("other tiers leave it as it is")
	}
}
