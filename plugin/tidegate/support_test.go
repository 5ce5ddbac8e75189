package tidegate

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/node"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/world"
)

// embeddedGeo opens the embedded table once for all tests of this binary.
var embeddedGeo = sync.OnceValues(func() (*plan.Geo, error) {
	table, err := embedded.Open()
	if err != nil {
		return nil, err
	}
	return plan.NewGeo(table), nil
})

func openEmbedded(t testing.TB) *plan.Geo {
	t.Helper()
	geo, err := embeddedGeo()
	if err != nil {
		t.Fatal(err)
	}
	return geo
}

// network is one row of a hand-made table.
type network struct {
	prefix string
	place  geodata.Place
}

func placeAt(lat, lon int32, country string, line gslb.Line) geodata.Place {
	return geodata.Place{
		Location: gslb.Location{LatMicro: lat * 1_000_000, LonMicro: lon * 1_000_000}, HasLocation: true,
		Country: country, Line: line,
	}
}

func tableOf(t testing.TB, networks ...network) *plan.Geo {
	t.Helper()
	var b geodata.Builder
	layer := b.Override("operator")
	for _, n := range networks {
		if err := layer.Add(netip.MustParsePrefix(n.prefix), n.place); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return plan.NewGeo(table)
}

// snapshotOf compiles a valid map, with some addresses down.
func snapshotOf(t testing.TB, m *plan.Map, geo *plan.Geo, down ...world.Target) *world.Snapshot {
	t.Helper()
	m.Canonical()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b := world.NewBuilder()
	b.SetPlan(7, plan.Compile(m, plan.DigestOf(data), geo, nil))
	for _, target := range down {
		b.SetDown(target, true)
	}
	return b.Snapshot()
}

func handlerOf(snapshot *world.Snapshot) *Handler {
	h := &Handler{store: world.NewStore()}
	h.store.Swap(snapshot)
	return h
}

// exampleHandler serves testdata/world.yaml over the embedded table. The handler is shared by all tests.
func exampleHandler(t testing.TB) *Handler {
	t.Helper()
	exampleOnce.Do(func() {
		m, err := node.LoadWorld("testdata/world.yaml")
		if err != nil {
			t.Fatal(err)
		}
		example = handlerOf(snapshotOf(t, m, openEmbedded(t)))
	})
	if example == nil {
		t.Fatal("the example world was refused, see the first test")
	}
	return example
}

var (
	exampleOnce sync.Once
	example     *Handler
)

// recorder stands in for a client's transport.
type recorder struct {
	dns.ResponseWriter
	remote net.Addr
	reply  *dns.Msg
}

func (r *recorder) RemoteAddr() net.Addr { return r.remote }
func (r *recorder) LocalAddr() net.Addr  { return &net.UDPAddr{IP: net.IPv6loopback, Port: 53} }

func (r *recorder) WriteMsg(m *dns.Msg) error {
	r.reply = m
	return nil
}

// query describes a question as a table row.
type query struct {
	name   string
	qtype  uint16
	remote string // the resolver; 198.51.100.1 if empty
	ecs    string // prefix of the client subnet option; none if empty
	edns   bool   // an OPT record even without an option
}

func (q query) message() *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.name, q.qtype)
	if q.ecs == "" && !q.edns {
		return m
	}
	m.SetEdns0(1232, false)
	if q.ecs != "" {
		m.IsEdns0().Option = append(m.IsEdns0().Option, subnetOption(netip.MustParsePrefix(q.ecs)))
	}
	return m
}

func subnetOption(p netip.Prefix) *dns.EDNS0_SUBNET {
	o := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: familyIPv6, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()}
	if p.Addr().Is4() {
		o.Family = familyIPv4
	}
	return o
}

// ask sends a query through ServeDNS. Question and reply cross the wire format, as they do in a server.
func ask(t testing.TB, h *Handler, q query) *dns.Msg {
	t.Helper()
	remote := q.remote
	if remote == "" {
		remote = "198.51.100.1"
	}
	return exchange(t, h, &recorder{remote: remoteAddr(remote)}, q.message())
}

func remoteAddr(ip string) net.Addr { return &net.UDPAddr{IP: net.ParseIP(ip), Port: 4242} }

func exchange(t testing.TB, h *Handler, w *recorder, m *dns.Msg) *dns.Msg {
	t.Helper()
	if _, err := h.ServeDNS(context.Background(), w, overWire(t, m)); err != nil {
		t.Fatalf("ServeDNS(%v): %v", m.Question, err)
	}
	if w.reply == nil {
		t.Fatalf("ServeDNS(%v) wrote nothing", m.Question)
	}
	return overWire(t, w.reply)
}

func overWire(t testing.TB, m *dns.Msg) *dns.Msg {
	t.Helper()
	octets, err := m.Pack()
	if err != nil {
		t.Fatalf("pack %v: %v", m, err)
	}
	out := new(dns.Msg)
	if err := out.Unpack(octets); err != nil {
		t.Fatalf("unpack %v: %v", m, err)
	}
	return out
}

// subnetIn is the client subnet option of a message, nil if it has none.
func subnetIn(m *dns.Msg) *dns.EDNS0_SUBNET {
	opt := m.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
			return subnet
		}
	}
	return nil
}
