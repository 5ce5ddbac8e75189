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
			other := w.ask(t, query{name: name, qtype: qtype, ecs: netip.PrefixFrom(inside, inside.BitLen()).String()})
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
	if rapid.Bool().Draw(t, "dense") {
		octets[0] = 0x20 + octets[0]%16
	}
	return netip.AddrFrom16([16]byte(octets))
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
