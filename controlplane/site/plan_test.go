package site

import (
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
)

var update = flag.Bool("update", false, "write the golden files")

func set(addrs ...string) AddressSet {
	var s AddressSet
	for _, a := range addrs {
		s = append(s, netip.MustParseAddr(a))
	}
	return s
}

func workload(name string, ports ...work.Port) Workload {
	namespace, rest, _ := strings.Cut(name, "/")
	_, app, _ := strings.Cut(rest, "/")
	return Workload{Namespace: namespace, Bundle: work.Bundle{Workload: name, Replicas: 2, Selector: map[string]string{"app": app}, Ports: ports}}
}

func web(listen uint16) work.Port {
	return work.Port{Listen: listen, Target: 8000, Protocol: work.HTTP}
}

func readyPod(namespace, name, app, addr string) Pod {
	return Pod{Namespace: namespace, Name: name, Node: "node-1", Labels: map[string]string{"app": app, "more": "x"}, Ready: true, Addr: netip.MustParseAddr(addr)}
}

func TestPlan(t *testing.T) {
	chat := workload("shop/Deployment/chat", web(80), work.Port{Listen: 6379, Target: 6379, Protocol: work.TCP})
	chat.Health = &plan.Health{Type: plan.ProbeHTTP, Path: "/healthz", Port: 8000}
	grpc := workload("shop/Deployment/grpc", web(9090))
	grpc.Health = &plan.Health{Type: plan.ProbeGRPC, Port: 8000}
	all := workload("shop/Deployment/all", web(81))
	all.Selector = nil
	terminating, addressless := readyPod("shop", "chat-x", "chat", "10.0.0.9"), readyPod("shop", "chat-y", "chat", "10.0.0.8")
	terminating.Ready, addressless.Addr = false, netip.Addr{}
	view := View{Accelerators: map[string]string{"node-1": "nvidia-l4"}, Pods: []Pod{
		readyPod("shop", "chat-b", "chat", "10.0.0.2"), readyPod("shop", "chat-a", "chat", "fd00::1"), terminating, addressless,
		readyPod("other", "chat-z", "chat", "10.0.0.7"), readyPod("shop", "grpc-a", "grpc", "10.0.0.3"),
	}}
	for name, in := range map[string]Input{
		"pods.json":     {Workloads: []Workload{chat, grpc}, View: view, Sets: []AddressSet{set("192.0.2.1"), set("2001:db8::1")}},
		"conflict.json": {Workloads: []Workload{chat, workload("shop/Deployment/second", web(80))}, View: view, Sets: []AddressSet{set("192.0.2.1")}},
		"selector.json": {Workloads: []Workload{all}, View: view, Sets: []AddressSet{set("192.0.2.1")}}, // none selects none
		"nothing.json":  {Sets: []AddressSet{set("192.0.2.1")}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.MarshalIndent(Plan(in), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, append(got, '\n'))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs (go test -update writes it):\n%s", path, got)
	}
}

func TestPlanIsServable(t *testing.T) {
	in := Input{Sets: []AddressSet{set("192.0.2.1", "2001:db8::1"), set("192.0.2.2")}, Workloads: []Workload{
		workload("a/Deployment/a", web(80), web(80)), workload("a/Deployment/b", web(80)), workload("a/Deployment/c", web(80)),
	}}
	if err := Plan(in).Config.Validate(); err != nil {
		t.Errorf("a plan that no load balancer takes: %v", err)
	}
}

// The steps of a case follow each other; each holds what the one before gave.
func TestClaims(t *testing.T) {
	type step struct {
		sets   []AddressSet
		wanted map[string][]uint16
		got    map[string]string // addresses by workload
		hint   map[string]string // what the problem names
	}
	one, two := []AddressSet{set("192.0.2.1")}, []AddressSet{set("192.0.2.1"), set("192.0.2.2")}
	for name, steps := range map[string][]step{
		"both families, all lines": {{
			sets: []AddressSet{set("192.0.2.1", "192.0.2.2"), set("2001:db8::1")}, wanted: map[string][]uint16{"a": {80}},
			got: map[string]string{"a": "192.0.2.1 192.0.2.2 2001:db8::1"},
		}},
		"other ports share an address": {{
			sets: one, wanted: map[string][]uint16{"a": {80}, "b": {81, 82}}, got: map[string]string{"a": "192.0.2.1", "b": "192.0.2.1"},
		}},
		"the next free address": {{
			sets: two, wanted: map[string][]uint16{"a": {80}, "b": {80}}, got: map[string]string{"a": "192.0.2.1", "b": "192.0.2.2"},
		}},
		"who came first keeps it": {
			{sets: one, wanted: map[string][]uint16{"b": {80}}, got: map[string]string{"b": "192.0.2.1"}},
			{sets: one, wanted: map[string][]uint16{"a": {80}, "b": {80}}, got: map[string]string{"a": "", "b": "192.0.2.1"},
				hint: map[string]string{"a": "a cannot have 192.0.2.1:80, which b has: let one of them listen on another port, or give the site one more -address"}},
			{sets: two, wanted: map[string][]uint16{"a": {80}, "b": {80}}, got: map[string]string{"a": "192.0.2.2", "b": "192.0.2.1"}},
			{sets: two, wanted: map[string][]uint16{"a": {80}}, got: map[string]string{"a": "192.0.2.2"}}, // no move without need
		},
		"who changes ports comes after who does not": {
			{sets: one, wanted: map[string][]uint16{"a": {80}, "b": {81}}, got: map[string]string{"a": "192.0.2.1", "b": "192.0.2.1"}},
			{sets: one, wanted: map[string][]uint16{"a": {81}, "b": {81}}, got: map[string]string{"a": "", "b": "192.0.2.1"}, hint: map[string]string{"a": "which b has"}},
		},
		"an address is taken away": {
			{sets: two, wanted: map[string][]uint16{"a": {80}, "b": {80}}, got: map[string]string{"a": "192.0.2.1", "b": "192.0.2.2"}},
			{sets: []AddressSet{set("192.0.2.2")}, wanted: map[string][]uint16{"a": {80}, "b": {80}}, got: map[string]string{"a": "", "b": "192.0.2.2"}, hint: map[string]string{"a": "which b has"}},
		},
		"one family is taken": {{
			sets: []AddressSet{set("192.0.2.1"), set("192.0.2.2"), set("2001:db8::1")}, wanted: map[string][]uint16{"a": {80}, "b": {80}},
			got: map[string]string{"a": "192.0.2.1 2001:db8::1", "b": "192.0.2.2"}, hint: map[string]string{"b": "[2001:db8::1]:80, which a has"},
		}},
		"one of several ports is taken": {{
			sets: two, wanted: map[string][]uint16{"a": {80}, "b": {80, 81}}, got: map[string]string{"a": "192.0.2.1", "b": "192.0.2.2"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var held Claims
			for i, s := range steps {
				claims, problems := claim(s.sets, s.wanted, held)
				for workload, want := range s.got {
					if got := text(claims[workload].Addresses); got != want {
						t.Errorf("step %d: %s has %q, want %q", i, workload, got, want)
					}
					if hint := s.hint[workload]; (hint == "") != (problems[workload] == "") || !strings.Contains(problems[workload], hint) {
						t.Errorf("step %d: %s: problem %q, want %q", i, workload, problems[workload], hint)
					}
				}
				held = claims
			}
		})
	}
}

func text(addrs []netip.Addr) string {
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return strings.Join(list, " ")
}

func TestComplete(t *testing.T) {
	services := []signal.ServiceReport{{Workload: "a", Addresses: set("192.0.2.1"), Message: "short of IPv6"}, {Workload: "b", Addresses: set("192.0.2.1")}}
	rate := int64(7)
	got := Findings{
		Problems: map[string]string{"a": "not applied"}, Refused: map[string]error{"a": errors.New("port in use")},
		Balancer: errors.New("gone"), Loads: map[string]signal.Load{"b": {InFlight: &rate}},
	}.Complete(services)
	if got[0].Message != "short of IPv6; not applied; port in use; load balancer: gone" || got[0].Addresses != nil || got[0].Load != nil {
		t.Errorf("a: %+v", got[0])
	}
	if got[1].Message != "load balancer: gone" || len(got[1].Addresses) != 1 || *got[1].Load.InFlight != 7 {
		t.Errorf("b: %+v", got[1])
	}
	if services[0].Addresses == nil || services[0].Message != "short of IPv6" {
		t.Errorf("the plan's services were changed: %+v", services[0])
	}
	if long := join([]string{strings.Repeat("x", 5000)}); len(long) > maxMessageBytes+4 {
		t.Errorf("a message of %d bytes", len(long))
	}
}

func TestDiffer(t *testing.T) {
	up := func(n int64) *signal.Load { return &signal.Load{ServersUp: &n, RequestsTotal: new(uint64)} }
	base := signal.ServiceReport{Workload: "a", ReadyReplicas: 2, Load: up(2)}
	more := *base.Load
	more.RequestsTotal = ptr(uint64(9))
	for name, c := range map[string]struct {
		change func(*signal.ServiceReport)
		want   bool
	}{
		"nothing":             {func(*signal.ServiceReport) {}, false},
		"requests":            {func(s *signal.ServiceReport) { s.Load = &more }, false},
		"ready":               {func(s *signal.ServiceReport) { s.ReadyReplicas = 1 }, true},
		"server is dead":      {func(s *signal.ServiceReport) { s.Load = up(1) }, true},
		"addresses":           {func(s *signal.ServiceReport) { s.Addresses = set("192.0.2.1") }, true},
		"message":             {func(s *signal.ServiceReport) { s.Message = "x" }, true},
		"accelerators":        {func(s *signal.ServiceReport) { s.Accelerators = map[string]int{"l4": 1} }, true},
		"no load is measured": {func(s *signal.ServiceReport) { s.Load = nil }, true},
	} {
		other := base
		c.change(&other)
		if got := differ([]signal.ServiceReport{base}, []signal.ServiceReport{other}); got != c.want {
			t.Errorf("%s: differ %t, want %t", name, got, c.want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestCheckSets(t *testing.T) {
	for name, sets := range map[string][]AddressSet{
		"none":      nil,
		"empty set": {{}},
		"any":       {set("0.0.0.0")},
		"multicast": {set("224.0.0.1")},
		"zone":      {set("fe80::1%eth0")},
		"twice":     {set("192.0.2.1"), set("192.0.2.1")},
		"nine":      {set("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9")},
	} {
		if CheckSets(sets) == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := CheckSets([]AddressSet{set("192.0.2.1", "2001:db8::1"), set("127.0.0.1")}); err != nil {
		t.Error(err)
	}
}
