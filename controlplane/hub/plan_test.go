package hub_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run go test ./controlplane/hub -update and read the diff. Got:\n%s", path, got)
	}
}

// step passes once and writes down what came out.
func (w *world) step(title string) {
	w.t.Helper()
	w.log.WriteString("# " + title + "\n" + describe(w.pass()) + "\n")
}

// TestLifeOfAnExport is one workload's life, from its first annotation to its end.
func TestLifeOfAnExport(t *testing.T) {
	w := newWorld(t)
	w.run("fra", "pek", "iad")
	w.serve("ns1", "ns2")
	w.step("annotated")
	w.step("nothing new")
	w.run("fra")
	w.step("ready at fra")
	w.serve("ns1", "ns2")
	w.step("the name servers have it")
	w.run("pek", "iad")
	w.step("ready everywhere")
	w.serve("ns1", "ns2")
	w.step("nothing new")

	w.annotate("tidegate.dev/steering", "Random!")
	w.step("a wrong annotation")
	w.annotate("tidegate.dev/steering", "weighted")
	w.step("mended")
	w.serve("ns1", "ns2")
	w.step("served")

	w.wait(11*time.Second, "fra", "iad")
	w.scale(6)
	w.step("pek falls silent and the owner wants 6")
	w.run("fra", "iad", "pek")
	w.step("everybody is back")
	w.scale(0)
	w.step("scaled to zero")
	w.run("fra", "iad", "pek")
	w.step("nothing new but the sites' reports")
	w.scale(3)
	w.step("awake")
	w.settle("fra", "iad", "pek")
	w.in.Deployments = nil
	w.step("deleted")
	w.step("nothing new")
	golden(t, "testdata/life.txt", w.log.String())
}

// TestPlacementsAndSites is what operators do to sites.
func TestPlacementsAndSites(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.site("fra").Spec.Drained = true
	w.step("fra is drained")
	w.site("fra").Spec.Drained = false
	w.annotate("tidegate.dev/placement", "west")
	w.annotate("tidegate.dev/steering", "failover")
	w.step("placed in the west, iad first")
	w.run("fra", "pek", "iad")
	w.step("it runs there")
	w.in.Placements = nil
	w.step("its placement is deleted: it stays")
	w.in.Sites = w.in.Sites[:2] // iad
	w.step("iad is deleted")
	w.settle("fra", "pek")
	w.in.Sites = nil
	w.step("all sites are deleted: the name stays")
	golden(t, "testdata/sites.txt", w.log.String())
}

func TestSettles(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	if got := describe(w.pass()); got != "" {
		t.Errorf("a pass without news wrote\n%s", got)
	}
	if got := w.export("chat").Status.ReadyReplicas; got != 3 {
		t.Errorf("%d replicas are ready, want 3", got)
	}
}

func TestInputsStayAsTheyAre(t *testing.T) {
	w := newWorld(t)
	w.run("fra", "pek", "iad")
	before := w.chat().DeepCopy()
	hub.Plan(w.in)
	if w.chat().String() != before.String() || len(w.in.Exports) != 0 {
		t.Error("Plan changed its inputs")
	}
}

func TestNewLeaderWaitsForSites(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.in.Since = w.in.Now
	w.in.Reports = map[gslb.SiteID]hub.SiteObservation{}
	if out := w.pass(); out.Hold == "" || len(out.Exports)+len(out.Work) > 0 || out.Publish {
		t.Errorf("at once it wrote\n%s", describe(out))
	}
	w.run("fra", "iad")
	if out := w.pass(); !strings.Contains(out.Hold, "pek") {
		t.Errorf("hold is %q", out.Hold)
	}
	w.wait(hub.WarmUp, "fra", "iad")
	out := w.pass()
	if out.Hold != "" || out.Publish || len(out.Work) > 0 {
		t.Errorf("after the wait it wrote\n%s", describe(out))
	}
	for _, s := range w.export("chat").Status.Sites {
		if s.ReadyReplicas != 1 || len(s.Addresses) != 1 {
			t.Errorf("the silent site lost what it had: %+v", s)
		}
	}
}

// TestEmptyBus is a hub and a bus that lost their disks: the map and the work come back, with higher numbers.
func TestEmptyBus(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	served, revision := w.in.Head, w.in.Work["fra"].Inventory.Revision
	w.in.Head.Generation, w.in.Head.Digest, w.in.Current, w.in.State = 0, "", nil, hub.State{}
	w.in.Work = map[gslb.SiteID]hub.SiteWork{}
	out := w.pass()
	if !out.Publish || w.in.Head.Generation != served.Generation+1 || w.in.Head.Digest != served.Digest {
		t.Errorf("head %+v after %+v", w.in.Head, served)
	}
	if got := out.Work["fra"].Inventory.Revision; got != revision+1 || len(out.Work["fra"].Put) != 1 {
		t.Errorf("revision %d after %d, %d bundles", got, revision, len(out.Work["fra"].Put))
	}
}

// TestWorkWhileTheBusIsAway: passes that cannot write their work take one revision and write nothing more to the API.
func TestWorkWhileTheBusIsAway(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	held := w.in.Work["fra"]
	w.scale(6)
	tried := w.pass().Work["fra"].Inventory // the API is written, the bus is not
	held.Tried = tried
	w.in.Work["fra"] = held
	out := w.pass()
	if got := out.Work["fra"].Inventory.Revision; got != tried.Revision {
		t.Errorf("revision %d after %d", got, tried.Revision)
	}
	if len(out.Sites) != 0 {
		t.Errorf("the status of %d sites is written again", len(out.Sites))
	}
	w.scale(9)
	w.in.Work["fra"] = held
	if got := w.pass().Work["fra"].Inventory.Revision; got != tried.Revision+1 {
		t.Errorf("other work has revision %d after %d", got, tried.Revision)
	}
}

func TestNameServerAheadOfTheBus(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	o := w.in.Servers["ns1"]
	o.Report.Generation = 100
	w.in.Servers["ns1"] = o
	if out := w.pass(); !out.Publish || w.in.Head.Generation != 101 {
		t.Errorf("published %v at %d, want 101", out.Publish, w.in.Head.Generation)
	}
}

// TestMassSilence: more than half of the sites are silent, so the rest takes nothing away.
func TestMassSilence(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.wait(11*time.Second, "fra")
	o := w.in.Reports["fra"]
	o.Report.Services = nil
	w.in.Reports["fra"] = o
	out := w.pass()
	if out.Publish || w.export("chat").Status.ReadyReplicas != 3 {
		t.Errorf("wrote\n%s", describe(out))
	}
}

func TestAgentThatJustStarted(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	o := w.in.Reports["fra"]
	o.Report.Work, o.Report.Services = 0, nil
	w.in.Reports["fra"] = o
	if out := w.pass(); out.Publish || w.export("chat").Status.ReadyReplicas != 3 {
		t.Errorf("wrote\n%s", describe(out))
	}
}

func TestSiteClaimsNoMoreThanItsShare(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	o := w.in.Reports["fra"]
	o.Report.Services[0].ReadyReplicas = 1000
	w.in.Reports["fra"] = o
	if out := w.pass(); out.Publish {
		t.Errorf("wrote\n%s", describe(out))
	}
}

func TestUnreadyKeepsItsAddress(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	for id, o := range w.in.Reports {
		o.Report.Services[0].ReadyReplicas, o.Report.Services[0].Addresses = 0, nil
		w.in.Reports[id] = o
	}
	w.pass()
	for _, e := range w.in.Current.Services[0].Endpoints {
		if e.Capacity != 0 || len(e.Addresses) != 1 {
			t.Errorf("endpoint %+v", e)
		}
	}
}
