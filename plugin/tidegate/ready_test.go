package tidegate

import (
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"tidegate.dev/tidegate/gslb/world"
)

// RFC 8914 section 4.15: code 14, "Not Ready": the server is unable to answer the query, as it was not fully functional
// when the query was received.
func TestWithoutMap(t *testing.T) {
	h := &Handler{store: world.NewStore()}
	if h.Ready() {
		t.Error("ready without a map")
	}
	reply := ask(t, h, query{name: chat, qtype: dns.TypeA, ecs: "84.128.0.0/24"})
	if reply.Rcode != dns.RcodeServerFailure || extendedError(reply) != int(dns.ExtendedErrorCodeNotReady) {
		t.Errorf("got %v, want SERVFAIL with extended error 14", reply)
	}
	if reply := ask(t, h, query{name: chat, qtype: dns.TypeA}); reply.Rcode != dns.RcodeServerFailure || reply.IsEdns0() != nil {
		t.Errorf("got %v, want SERVFAIL and no OPT record for a query without one", reply)
	}
}

func TestReadyWithMap(t *testing.T) {
	if !exampleHandler(t).Ready() {
		t.Error("not ready with a map")
	}
}

// RFC 8914 section 4.21: code 20, "Not Authoritative".
func TestRefusedSaysWhy(t *testing.T) {
	reply := ask(t, exampleHandler(t), query{name: "www.example.net.", qtype: dns.TypeA, edns: true})
	if extendedError(reply) != int(dns.ExtendedErrorCodeNotAuthoritative) {
		t.Errorf("got %v, want extended error 20", reply)
	}
}

func extendedError(m *dns.Msg) int {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*dns.EDNS0_EDE); ok {
				return int(ede.InfoCode)
			}
		}
	}
	return -1
}

func TestOtherOpcodesAreNotImplemented(t *testing.T) {
	m := new(dns.Msg).SetUpdate("edge.example.")
	rcode, err := exampleHandler(t).ServeDNS(t.Context(), &recorder{remote: remoteAddr(germany)}, m)
	if rcode != dns.RcodeNotImplemented || err != nil {
		t.Errorf("got %d, %v", rcode, err)
	}
}

// Each answer moves exactly its own counter.
func TestAnswersAreCounted(t *testing.T) {
	h := exampleHandler(t)
	for _, c := range []struct {
		query
		zone, rcode, reason string
	}{
		{query{name: chat, qtype: dns.TypeA, ecs: "84.128.0.0/24"}, "edge.example.", "NOERROR", "nearest"},
		{query{name: chat, qtype: dns.TypeA, remote: "127.0.0.1"}, "edge.example.", "NOERROR", "shared"},
		{query{name: chat, qtype: dns.TypeHTTPS}, "edge.example.", "NOERROR", "static"},
		{query{name: chat, qtype: dns.TypeANY}, "edge.example.", "NOERROR", "any"},
		{query{name: "four.edge.example.", qtype: dns.TypeAAAA}, "edge.example.", "NOERROR", "no-endpoint"},
		{query{name: "nothing.edge.example.", qtype: dns.TypeA}, "edge.example.", "NXDOMAIN", "static"},
		{query{name: "shut.edge.example.", qtype: dns.TypeA}, "edge.example.", "SERVFAIL", "all-unhealthy"},
		{query{name: "www.example.net.", qtype: dns.TypeA}, "", "REFUSED", "refused"},
	} {
		counter := answersTotal.WithLabelValues(c.zone, c.rcode, c.reason)
		before, all := value(t, counter), total(t)
		ask(t, h, c.query)
		if moved := value(t, counter) - before; moved != 1 || total(t)-all != 1 {
			t.Errorf("%s %s: {%q %q %q} moved by %v, all by %v; want 1 and 1", c.name, dns.TypeToString[c.qtype],
				c.zone, c.rcode, c.reason, moved, total(t)-all)
		}
	}
}

// total sums answers_total over its labels.
func total(t *testing.T) (sum float64) {
	t.Helper()
	metrics := make(chan prometheus.Metric, 1000)
	answersTotal.Collect(metrics)
	close(metrics)
	for m := range metrics {
		sum += value(t, m)
	}
	return sum
}

func value(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue()
}

func TestMetricsAreWellNamed(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(answersTotal); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
