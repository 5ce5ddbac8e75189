package plan

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestEncodeDecode(t *testing.T) {
	for _, m := range []*Map{world(), many(30, 4), regional(), policies(), splitWorld(splitGeo(t))} {
		m.Canonical()
		data := mustEncode(t, m)
		back, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m, back) {
			t.Errorf("got %+v, want %+v", back, m)
		}
		if again := mustEncode(t, back); DigestOf(again) != DigestOf(data) {
			t.Errorf("the digest of what was decoded differs")
		}
	}
}

// regional is a world with addresses for regions, and both kinds of precedence.
func regional() *Map {
	m := many(2, 2)
	m.Services[0].Steering.Precedence = Precedence{Preset: "dnspod"}
	m.Services[1].Steering.Precedence = Precedence{Levels: []Level{AtRegion, AtLine}}
	for i, region := range []Region{"CN-GD", "CN-south", "CN", NoRegion} {
		a := &m.Services[i/2].Endpoints[i%2].Addresses[0]
		a.Line, a.Region = "telecom", region
	}
	return m
}

// Equal worlds have one digest, in whatever order they were put together.
func TestDigestDoesNotDependOnOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	digest := func(m *Map) Digest { m.Canonical(); return DigestOf(mustEncode(t, m)) }
	want := digest(world())
	split := splitWorld(splitGeo(t))
	wantSplit, wantPolicies := digest(split), digest(policies())
	for range 50 {
		splits := split.Services[0].Splits
		rng.Shuffle(len(splits), reflect.Swapper(splits))
		rng.Shuffle(len(splits[0].Shares), reflect.Swapper(splits[0].Shares))
		rng.Shuffle(len(split.HeavyResolvers), reflect.Swapper(split.HeavyResolvers))
		if got := digest(split); got != wantSplit {
			t.Fatalf("with splits: got %s, want %s", got, wantSplit)
		}
		fallbacks := policies()
		rng.Shuffle(len(fallbacks.Services[2].Steering.Fallback), reflect.Swapper(fallbacks.Services[2].Steering.Fallback))
		policy := fallbacks.Services[1].Steering.Costs
		rng.Shuffle(len(policy), reflect.Swapper(policy))
		rule := fallbacks.Services[3].Steering.Residency[0]
		rng.Shuffle(2, reflect.Swapper(rule.Clients))
		rng.Shuffle(2, reflect.Swapper(rule.Regions))
		if got := digest(fallbacks); got != wantPolicies {
			t.Fatalf("with a fallback: got %s, want %s", got, wantPolicies)
		}
		m := world()
		rng.Shuffle(len(m.Sites), reflect.Swapper(m.Sites))
		addresses := m.Services[0].Endpoints[1].Addresses
		rng.Shuffle(len(addresses), reflect.Swapper(addresses))
		if got := digest(m); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	m := world()
	endpoints := m.Services[0].Endpoints
	endpoints[0], endpoints[1] = endpoints[1], endpoints[0]
	if digest(m) == want {
		t.Error("the order of failover is not in the digest")
	}
	swapped := policies()
	rules := swapped.Services[3].Steering.Residency
	if rules[0], rules[1] = rules[1], rules[0]; digest(swapped) == wantPolicies {
		t.Error("the order of the residency's rules is not in the digest")
	}
	none, empty := &Map{Zones: world().Zones}, &Map{Zones: world().Zones, Sites: []Site{}, Services: []Service{}}
	if digest(none) != digest(empty) {
		t.Error("no services and an empty list of them differ")
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := string(mustEncode(t, world()))
	for name, data := range map[string]string{
		"nothing":      "",
		"cut short":    good[:len(good)/2],
		"other schema": strings.Replace(good, `"schema":1`, `"schema":2`, 1),
		"no schema":    strings.Replace(good, `"schema":1,`, "", 1),
		"not valid":    strings.Replace(good, `"ttl":30000000000`, `"ttl":1`, 1),
		"wrong types":  strings.Replace(good, `"ttl":30000000000`, `"ttl":"30s"`, 1),
		"a list":       "[]",
		"two maps":     good + good,
	} {
		if _, err := Decode([]byte(data)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v, want ErrEncoding", name, err)
		}
	}
	if _, err := Decode(make([]byte, MaxEncodedBytes+1)); !errors.Is(err, ErrEncoding) {
		t.Errorf("too large: %v, want ErrEncoding", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range []*Map{world(), many(3, 2), regional(), splitWorld(splitGeo(f)), {}} {
		data, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"schema":1,"zones":[{"name":"a.","nameservers":["b."],"records":["$INCLUDE /etc/passwd"]}]}`))
	geo := NewGeo(tableOf(f, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		Compile(m, DigestOf(data), geo, nil) // a valid map compiles
		if _, err := Decode(mustEncode(t, m)); err != nil {
			t.Errorf("what Decode took, it refuses when encoded again: %v", err)
		}
	})
}
