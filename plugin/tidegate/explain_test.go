package tidegate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/node"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
	"tidegate.dev/tidegate/gslb/world"
)

// explainQueries is how many answers TestExplainEqualsDig compares; `make bench-steering` takes 100,000
// (TIDEGATE_EXPLAIN_QUERIES), and then it prints the lines that the benchmarks report.
const explainQueries = 4_000

// TestExplainEqualsDig asks random queries about random worlds, over the wire, and the admin API to explain each: they agree.
// And it asks the same of a server that has nothing but what was stored of the first: its reply is the same to the bit.
func TestExplainEqualsDig(t *testing.T) {
	queries, bench := setting(t, "TIDEGATE_EXPLAIN_QUERIES", explainQueries)
	run := explainRun{rng: rand.New(rand.NewPCG(referenceSeed, 2)), kinds: map[string]int{}}
	const worlds = 20
	for range worlds {
		table, err := smallTable(run.rng)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) { run.world(t, plan.NewGeo(table), (queries+worlds-1)/worlds) })
	}
	t.Logf("%d queries, answers by outcome, reason and client: %v", run.asked, run.kinds)
	if bench {
		fmt.Printf("result steering.explain_queries %d queries\n", run.asked)
		fmt.Printf("result steering.explain_mismatch %d queries\n", run.mismatches)
		fmt.Printf("result steering.replay_mismatch %d queries\n", run.replayed)
	}
	for _, kind := range []string{"answered split ecs", "answered split", "answered all-unhealthy", "unavailable", "no data of this family", "answered asleep"} {
		if !slices.ContainsFunc(sortedKinds(run.kinds), func(k string) bool { return strings.HasPrefix(k, kind) }) {
			t.Errorf("no answer was %q: %v", kind, run.kinds)
		}
	}
}

func sortedKinds(kinds map[string]int) (list []string) {
	for kind := range kinds {
		list = append(list, kind)
	}
	slices.Sort(list)
	return list
}

type explainRun struct {
	rng                         *rand.Rand
	asked, mismatches, replayed int
	kinds                       map[string]int
}

// world compares the answers of one random world.
func (run *explainRun) world(t *testing.T, geo *plan.Geo, queries int) {
	t.Helper()
	m, down := randomWorld(run.rng, 12, 14)
	addSplits(run.rng, m, geo)
	var targets []world.Target
	for target := range down {
		targets = append(targets, target)
	}
	snapshot := snapshotOf(t, m, geo, targets...)
	served := node.New(node.Config{Geo: geo, Log: slog.New(slog.DiscardHandler)})
	served.Store().Swap(snapshot)
	h, admin, again := &Handler{store: served.Store()}, served.AdminHandler(), handlerOf(storedOf(t, snapshot, targets))
	for range queries {
		time.Sleep(time.Duration(run.rng.IntN(20)) * time.Second) // of the bubble's clock: slots come and go
		q := randomQuery(run.rng, m)
		for !steeredQuery(snapshot, q) {
			q = randomQuery(run.rng, m)
		}
		reply := ask(t, h, q)
		run.asked++
		trace := explained(t, admin, q)
		run.count(trace)
		if got, want := messageOf(reply).String(), messageBy(trace, q).String(); got != want {
			if run.mismatches++; run.mismatches <= 10 {
				t.Errorf("%+v:\n answered  %s\n explained %s", q, got, want)
			}
		}
		if !bytes.Equal(packed(t, reply), packed(t, ask(t, again, q))) {
			if run.replayed++; run.replayed <= 10 {
				t.Errorf("%+v: the stored snapshot answers otherwise", q)
			}
		}
	}
}

func (run *explainRun) count(trace steer.Trace) {
	kind := trace.Outcome + " " + trace.Reason
	if trace.FromECS {
		kind += " ecs"
	}
	run.kinds[kind]++
}

// steeredQuery says whether a query is one that can be explained: for addresses of a steered name.
func steeredQuery(snapshot *world.Snapshot, q query) bool {
	_, steered := snapshot.Plan.Service(gslb.Name(strings.ToLower(q.name)))
	return steered && (q.qtype == dns.TypeA || q.qtype == dns.TypeAAAA)
}

// explained is what the admin API says of a query.
func explained(t *testing.T, admin http.Handler, q query) (trace steer.Trace) {
	t.Helper()
	client := q.remote
	if sourceBits(q) > 0 {
		client = q.ecs
	}
	values := url.Values{"name": {q.name}, "client": {client}, "type": {dns.TypeToString[q.qtype]}}
	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/explain?"+values.Encode(), nil))
	if err := json.Unmarshal(w.Body.Bytes(), &trace); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%+v: %d %s", q, w.Code, w.Body)
	}
	return trace
}

// messageBy is the reply that a trace promises.
func messageBy(trace steer.Trace, q query) message {
	m := message{rcode: "NOERROR", scope: scopeWithout(q)}
	switch trace.Outcome {
	case "unavailable":
		m.rcode = "SERVFAIL"
		return m
	case "no data of this family":
		m.soa = true
		return m
	}
	for _, addr := range trace.Addresses {
		m.answers = append(m.answers, fmt.Sprintf("%s %d IN %s %s", trace.Name, trace.TTLSeconds, dns.TypeToString[q.qtype], addr))
	}
	slices.Sort(m.answers)
	if sourceBits(q) > 0 {
		m.scope = gslb.Client(netip.MustParsePrefix(q.ecs), true).CarrierBits + trace.Scope.Bits()
	}
	return m
}

// storedOf is a snapshot made of what is stored of another: the files of map and table, and what was down.
func storedOf(t *testing.T, snapshot *world.Snapshot, down []world.Target) *world.Snapshot {
	t.Helper()
	data, err := snapshot.Plan.Map.Encode()
	if err != nil {
		t.Fatal(err)
	}
	m, err := plan.Offer{Head: plan.Head{Generation: snapshot.Generation, Digest: snapshot.Plan.Digest}, Data: data}.Open(0)
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
	return snapshotOf(t, m, plan.NewGeo(table), down...)
}

func packed(t *testing.T, m *dns.Msg) []byte {
	t.Helper()
	m.Id = 0
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
