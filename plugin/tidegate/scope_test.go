package tidegate

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// Rule 3 of the design: every address inside the returned scope gets the same answer from the same snapshot.
func TestScopeIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(referenceSeed, 2))
	worlds := []scopeWorld{newScopeWorld(t, rng, openEmbedded(t))}
	for range 20 {
		table, err := smallTable(rng)
		if err != nil {
			t.Fatal(err)
		}
		worlds = append(worlds, newScopeWorld(t, rng, plan.NewGeo(table)))
	}
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SampledFrom(worlds).Draw(t, "world")
		name := rapid.SampledFrom(w.names).Draw(t, "name")
		qtype := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA}).Draw(t, "type")
		client := netip.PrefixFrom(drawAddress(t), 0)
		source := rapid.IntRange(1, client.Addr().BitLen()).Draw(t, "source")
		asked := netip.PrefixFrom(client.Addr(), source).Masked()
		first := w.ask(t, query{name: name, qtype: qtype, ecs: asked.String()})
		scope := netip.PrefixFrom(asked.Addr(), first.scope).Masked()
		for range 8 {
			inside := addressIn(t, scope)
			carrier := rapid.SampledFrom(carriers).Draw(t, "carrier")
			carried := scope.Contains(carrier.Addr()) && scope.Bits() < carrier.Bits()
			if carried {
				inside = addressIn(t, carrier)
			}
			other := w.ask(t, query{name: name, qtype: qtype, ecs: netip.PrefixFrom(inside, inside.BitLen()).String()})
			if carried {
				other.scope = first.scope // its own counts the carrier's bits, and is exact too
			}
			if other.String() != first.String() {
				t.Fatalf("%s got %v; %s, inside the scope %s, got %v", asked, first, inside, scope, other)
			}
		}
	})
}

type scopeWorld struct {
	handler *Handler
	names   []string
}

func newScopeWorld(t *testing.T, rng *rand.Rand, geo *plan.Geo) scopeWorld {
	m, sick := randomWorld(rng, 4, 12)
	addSplits(rng, m, geo)
	var down []world.Target
	for target := range sick {
		down = append(down, target)
	}
	w := scopeWorld{handler: handlerOf(snapshotOf(t, m, geo, down...))}
	for _, s := range m.Services {
		w.names = append(w.names, string(s.Name))
	}
	return w
}

func (w scopeWorld) ask(t *rapid.T, q query) message {
	recorder := &recorder{remote: remoteAddr("198.51.100.1")}
	if _, err := w.handler.ServeDNS(t.Context(), recorder, q.message()); err != nil {
		t.Fatal(err)
	}
	return messageOf(recorder.reply)
}

func drawAddress(t *rapid.T) netip.Addr {
	if rapid.Bool().Draw(t, "IPv4") {
		// Half of them lie where the small tables have their blocks.
		octets := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "octets")
		if rapid.Bool().Draw(t, "dense") {
			octets[0], octets[1] = 84, 128+octets[1]%4
		}
		return netip.AddrFrom4([4]byte(octets))
	}
	octets := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "octets")
	switch rapid.SampledFrom([]string{"anywhere", "dense", "carried", "beside"}).Draw(t, "IPv6") {
	case "dense":
		octets[0] = 0x20 + octets[0]%16
	case "carried":
		carrier := rapid.SampledFrom(carriers).Draw(t, "carrier").Addr().As16()
		copy(octets, carrier[:12])
	case "beside":
		carrier := rapid.SampledFrom(carriers).Draw(t, "carrier").Addr().As16()
		same := rapid.IntRange(3, 95).Draw(t, "same bits")
		copy(octets, carrier[:same/8])
		octets[same/8] = carrier[same/8] ^ 0x80>>(same%8)
	}
	return netip.AddrFrom16([16]byte(octets))
}

// carriers are the networks whose addresses are IPv4 ones in an IPv6 form.
var carriers = []netip.Prefix{netip.MustParsePrefix("::ffff:0:0/96"), netip.MustParsePrefix("64:ff9b::/96")}

// A network that begins with the NAT64 prefix and is wider gets what its first address gets, and that is an IPv4 one.
func TestScopeAroundNAT64(t *testing.T) {
	h := exampleHandler(t)
	for _, wide := range []string{"64:ff9b::/56", "64:ff9b::/32", "64:ff9b::/95"} {
		first := messageOf(ask(t, h, query{name: chat, qtype: dns.TypeA, ecs: wide}))
		scope := netip.PrefixFrom(netip.MustParseAddr("64:ff9b::"), first.scope)
		for _, inside := range []string{"64:ff9b::8f:b1f4/128", "64:ff9b::/96", "64:ff9b::/128", "64:ff9b::ff/128"} {
			other := messageOf(ask(t, h, query{name: chat, qtype: dns.TypeA, ecs: inside}))
			if scope.Contains(netip.MustParsePrefix(inside).Addr()) && other.String() != first.String() {
				t.Errorf("%s got %v; %s, inside its scope, got %v", wide, first, inside, other)
			}
		}
	}
}

// addressIn draws the host bits of a prefix.
func addressIn(t *rapid.T, p netip.Prefix) netip.Addr {
	octets := p.Addr().AsSlice()
	for i, random := range rapid.SliceOfN(rapid.Byte(), len(octets), len(octets)).Draw(t, "host") {
		free := byte(0xff) >> min(max(p.Bits()-8*i, 0), 8)
		octets[i] |= random & free
	}
	addr, _ := netip.AddrFromSlice(octets)
	return addr
}
