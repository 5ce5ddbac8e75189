package site

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/lbagent/lb"
)

// in runs a test in a bubble with a world that ends with it.
func in(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		defer func() { w.end() }()
		test(w)
	})
}

func chatPod(name, addr string) Pod { return readyPod("shop", name, "chat", addr) }

func TestFromWorkToReport(t *testing.T) {
	in(t, func(w *world) {
		w.after(1500 * time.Millisecond)
		if r := w.bus.last(); w.bus.count() != 2 || r.Work != 0 || len(r.Services) != 0 || w.balancer.count() != 0 {
			w.Errorf("before any work: %d reports, the last %+v, %d changes of the load balancer", w.bus.count(), r, w.balancer.count())
		}
		w.bus.run(7, bundle("chat", 2))
		w.after(50 * time.Millisecond)
		w.is("objects", w.cluster.names(), "Deployment shop/chat*1, Namespace shop*1")
		if w.balancer.count() != 0 || w.bus.last().Work != 0 {
			w.Error("without having seen the pods the load balancer was changed, or the work reported")
		}
		w.show()
		w.after(20 * time.Millisecond)
		w.is("served", w.balancer.servers(), "shop/Deployment/chat=")
		begun := time.Now()
		w.show(chatPod("chat-a", "10.0.0.1"))
		w.after(40 * time.Millisecond)
		w.is("served 40 ms after a pod was ready", w.balancer.servers(), "shop/Deployment/chat=chat-a")
		w.after(200 * time.Millisecond)
		r := w.bus.last()
		w.is("reported", services(r), "chat 1/2")
		if r.Work != 7 || r.SampledAt.Sub(begun) > reportSpacing+settle || *r.Services[0].Load.ServersUp != 1 || text(r.Services[0].Addresses) != "192.0.2.1" {
			w.Errorf("report %v after the change: %+v", r.SampledAt.Sub(begun), r)
		}
	})
}

func TestReportsOnceASecondAndFiveAtMost(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(1, bundle("chat", 2))
		w.show()
		w.after(3 * time.Second)
		before := w.bus.count()
		w.after(10 * time.Second)
		if n := w.bus.count() - before; n != 10 {
			w.Errorf("%d reports in 10 quiet seconds, want 10", n)
		}
		before = w.bus.count()
		for i := range 500 {
			pods := []Pod{chatPod("chat-a", "10.0.0.1")}
			w.show(pods[:i%2]...)
			w.after(4 * time.Millisecond)
		}
		if n := w.bus.count() - before; n < 9 || n > 11 {
			w.Errorf("%d reports in 2 seconds of changes, want about 10", n)
		}
		sequence := uint64(0)
		for _, r := range w.bus.reports {
			if r.Sequence != sequence+1 {
				w.Fatalf("report %d follows %d", r.Sequence, sequence)
			}
			sequence = r.Sequence
		}
	})
}

func TestCutOffRestartKeepsEverything(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(3, bundle("chat", 2), bundle("search", 1))
		w.show(chatPod("chat-a", "10.0.0.1"))
		w.after(2 * time.Second)
		served, fetched := w.balancer.servers(), w.bus.fetched
		w.bus.cut = true
		w.end()
		applies := w.balancer.count()
		w.start()
		w.after(5 * time.Second)
		if w.balancer.count() != applies {
			w.Error("the load balancer was changed before the pods were known")
		}
		w.is("objects", w.cluster.names(), "Deployment shop/chat*2, Deployment shop/search*2, Namespace shop*4")
		w.show(chatPod("chat-a", "10.0.0.1"))
		w.after(time.Second)
		w.is("served", w.balancer.servers(), served)
		if s := w.agent.Status(); s.Applied != 3 || s.Inventory != 3 || s.Unsent == 0 || s.Reported != (time.Time{}) {
			w.Errorf("status: %+v", s)
		}
		w.bus.cut = false
		poke(w.bus.moved)
		w.after(2 * time.Second)
		if w.bus.last().Work != 3 || w.bus.fetched != fetched {
			w.Errorf("back on the bus: %+v, %d bundles fetched again", w.bus.last(), w.bus.fetched-fetched)
		}
	})
}

func TestOnlyANewerInventoryRemoves(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(5, bundle("chat", 2), bundle("search", 1))
		w.show()
		w.after(time.Second)
		w.bus.run(4)
		w.after(time.Second)
		w.bus.run(5)
		w.after(time.Second)
		w.is("objects after old inventories", w.cluster.names(), "Deployment shop/chat*1, Deployment shop/search*1, Namespace shop*2")
		w.bus.run(6, bundle("chat", 2))
		w.after(time.Second)
		w.is("objects", w.cluster.names(), "Deployment shop/chat*1, Namespace shop*2")
		w.is("served", w.balancer.servers(), "shop/Deployment/chat=")
		w.bus.run(7)
		w.after(time.Second)
		w.is("the namespace stays", w.cluster.names(), "Namespace shop*2")
		if r := w.bus.last(); r.Work != 7 || len(r.Services) != 0 {
			w.Errorf("report: %+v", r)
		}
	})
}

func TestWorkThatComesBackIsAppliedAnew(t *testing.T) {
	in(t, func(w *world) {
		w.show()
		w.bus.run(1, bundle("chat", 2))
		w.after(time.Second)
		w.bus.run(2)
		w.after(time.Second)
		w.is("objects without work", w.cluster.names(), "Namespace shop*1")
		w.bus.run(3, bundle("chat", 2))
		w.after(time.Second)
		w.is("objects once it is back", w.cluster.names(), "Deployment shop/chat*1, Namespace shop*2")
	})
}

func TestLeftoversOfALostFolderGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, name := range []string{"chat", "old"} {
			ref := Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: name}
			w.cluster.objects[ref] = 1
			w.cluster.owned = append(w.cluster.owned, Applied{Ref: ref})
		}
		w.start()
		defer func() { w.end() }()
		w.after(5 * time.Second)
		w.is("objects while nothing is known", w.cluster.names(), "Deployment shop/chat*1, Deployment shop/old*1")
		w.bus.run(9, bundle("chat", 2))
		w.after(time.Second)
		w.is("objects", w.cluster.names(), "Deployment shop/chat*2, Namespace shop*1")
	})
}

func TestBadWorkIsNotTaken(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(1, bundle("chat", 2))
		w.show()
		w.after(time.Second)
		liar := bundle("search", 1)
		w.bus.run(2, liar)
		w.bus.mu.Lock()
		w.bus.bundles[liar.Workload] = []byte(`{"workload":"shop/Deployment/search","replicas":9}`)
		w.bus.mu.Unlock()
		w.after(time.Second)
		w.is("objects", w.cluster.names(), "Deployment shop/chat*1, Namespace shop*1")
		if s := w.agent.Status(); len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "has digest") {
			w.Errorf("problems: %q", s.Problems)
		}
		w.bus.run(3, bundle("chat", 3))
		w.after(time.Second)
		if s := w.agent.Status(); len(s.Problems) != 0 || s.Applied != 3 {
			w.Errorf("after good work: %+v", s)
		}
	})
}

func TestDecodeBundle(t *testing.T) {
	for name, data := range map[string]string{
		"no JSON":          `{`,
		"another's":        `{"workload":"b"}`,
		"negative":         `{"workload":"a","replicas":-1}`,
		"nameless object":  `{"workload":"a","manifests":[{"apiVersion":"v1","kind":"Pod"}]}`,
		"object is a list": `{"workload":"a","manifests":[[]]}`,
	} {
		if _, err := decodeBundle("a", []byte(data)); !errors.Is(err, errBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClusterAway(t *testing.T) {
	in(t, func(w *world) {
		w.cluster.away = true
		w.bus.run(1, bundle("chat", 2))
		w.show(chatPod("chat-a", "10.0.0.1"))
		w.after(time.Second)
		if r := w.bus.last(); r.Work != 0 || !strings.Contains(r.Services[0].Message, errAway.Error()) {
			w.Errorf("nothing could be applied: %+v", r)
		}
		w.is("served", w.balancer.servers(), "shop/Deployment/chat=chat-a")
		w.cluster.mu.Lock()
		w.cluster.away = false
		w.cluster.mu.Unlock()
		w.after(retryInterval)
		if r := w.bus.last(); r.Work != 1 || r.Services[0].Message != "" {
			w.Errorf("the cluster is back: %+v", r)
		}
	})
}

func TestOneRefusedWorkloadDoesNotHurtTheOthers(t *testing.T) {
	in(t, func(w *world) {
		w.cluster.refuse = "chat"
		w.bus.run(1, bundle("chat", 2), bundle("search", 1))
		w.show()
		w.after(time.Second)
		w.is("objects", w.cluster.names(), "Deployment shop/search*1, Namespace shop*2")
		r := w.bus.last()
		if r.Work != 1 || !strings.Contains(r.Services[0].Message, "refuses") || r.Services[1].Message != "" {
			w.Errorf("report: %+v", r)
		}
	})
}

func TestDriftIsUndoneWithinAMinute(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(1, bundle("chat", 2))
		w.after(30 * time.Second)
		w.is("objects", w.cluster.names(), "Deployment shop/chat*1, Namespace shop*1")
		w.after(resyncInterval)
		w.is("objects a minute later", w.cluster.names(), "Deployment shop/chat*2, Namespace shop*2")
	})
}

func TestLoadBalancerTrouble(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(1, bundle("chat", 2), bundle("search", 1))
		w.show()
		w.after(time.Second)
		w.balancer.mu.Lock()
		w.balancer.gone = true
		before := w.balancer.applies
		w.balancer.mu.Unlock()
		w.after(1100 * time.Millisecond)
		if w.balancer.count() == before {
			w.Error("a load balancer that is gone was not started again within a report's interval")
		}
		w.balancer.mu.Lock()
		w.balancer.err = errors.Join(&lb.FrontendError{Workload: "shop/Deployment/chat", Err: errors.New("port in use")})
		w.balancer.mu.Unlock()
		w.show(chatPod("chat-a", "10.0.0.1"))
		w.after(time.Second)
		r := w.bus.last()
		if r.Services[0].Message != "port in use" || len(r.Services[0].Addresses) != 0 || len(r.Services[1].Addresses) != 1 || r.Services[1].Message != "" {
			w.Errorf("a refused frontend: %+v", r)
		}
		w.balancer.mu.Lock()
		w.balancer.err = nil
		w.balancer.mu.Unlock()
		w.after(balancerRetry + reportInterval)
		if r := w.bus.last(); r.Services[0].Message != "" || len(r.Services[0].Addresses) != 1 {
			w.Errorf("the port is free: %+v", r)
		}
	})
}

func TestWhoCameFirstKeepsThePortOverARestart(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(1, bundle("rival", 1))
		w.show()
		w.after(time.Second)
		w.bus.run(2, bundle("chat", 1), bundle("rival", 1)) // chat is first by name
		w.after(time.Second)
		w.is("served", w.balancer.servers(), "shop/Deployment/rival=")
		w.end()
		w.start()
		w.show()
		w.after(time.Second)
		w.is("served after a restart", w.balancer.servers(), "shop/Deployment/rival=")
		if m := w.bus.last().Services[0].Message; !strings.Contains(m, "shop/Deployment/rival") || !strings.Contains(m, "-address") {
			w.Errorf("message: %q", m)
		}
	})
}

func TestDamagedDisk(t *testing.T) {
	in(t, func(w *world) {
		w.bus.run(1, bundle("chat", 2), bundle("search", 1))
		w.show()
		w.after(time.Second)
		w.end()
		files, err := filepath.Glob(filepath.Join(w.dir, "bundles", "*.json"))
		if err != nil || len(files) != 2 {
			w.Fatalf("%v %v", files, err)
		}
		if err := os.WriteFile(files[0], []byte("{}"), 0o600); err != nil {
			w.Fatal(err)
		}
		w.bus.cut = true
		before := w.balancer.count()
		w.start()
		w.show()
		w.after(3 * time.Second)
		if names := w.cluster.names(); !strings.Contains(names, "shop/chat") || !strings.Contains(names, "shop/search") || w.balancer.count() != before {
			w.Errorf("with a bundle lost: %s, %d changes of the load balancer", names, w.balancer.count()-before)
		}
		w.bus.cut = false
		poke(w.bus.moved)
		w.after(2 * time.Second)
		if s := w.agent.Status(); s.Applied != 1 || len(s.Services) != 2 {
			w.Errorf("the lost bundle came from the bus again: %+v", s)
		}
	})
}

func TestStatusIsJSON(t *testing.T) {
	in(t, func(w *world) {
		data, err := json.Marshal(w.agent.Status())
		if want := `{"site":"fra","inventory":0,"applied":0,"watching":false,"services":[],"problems":[],"sequence":0,"unsent":0}`; err != nil || string(data) != want {
			w.Errorf("status: %s %v, want %s", data, err, want)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	good := Config{Site: "fra", Sets: []AddressSet{set("192.0.2.1")}, Dir: t.TempDir()}
	bad := good
	bad.Site = "Fra!"
	if _, err := New(bad); err == nil {
		t.Error("a bad name was taken")
	}
	bad = good
	bad.Sets = nil
	if _, err := New(bad); err == nil || !strings.Contains(err.Error(), "-address") {
		t.Errorf("no address: %v", err)
	}
}
