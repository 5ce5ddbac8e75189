package hub_test

import (
	"testing"
	"time"

	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb/plan"
)

// expectGeo passes once, and checks the head.
func (w *world) expectGeo(step string, publish bool, digest string, explained bool) {
	w.t.Helper()
	before := w.in.Head
	out := w.pass()
	w.serve("ns1", "ns2")
	head := w.in.Head
	if out.Publish != publish || head.GeoDigest != digest || head.Explains(plan.ReasonGeoChanged, digest) != explained {
		w.t.Errorf("%s: published %v, head %+v; want %v, %q, explained %v", step, out.Publish, head, publish, digest, explained)
	}
	if publish && (head.Generation != before.Generation+1 || head.Digest != before.Digest) {
		w.t.Errorf("%s: generation %d of map %s after %d of %s, want the next of the same", step, head.Generation, head.Digest, before.Generation, before.Digest)
	}
	if len(out.Exports) != 0 {
		w.t.Errorf("%s: exports are written: %s", step, describe(out))
	}
}

// The head names the hub's geo table. Another table is another generation of the same map; one that the name servers'
// guards should not ask about comes with its reason, for a day.
func TestHeadNamesTheGeoTable(t *testing.T) {
	w := newWorld(t)
	w.run("fra", "pek", "iad")
	w.settle("fra", "pek", "iad")
	w.expectGeo("no table yet", false, "", false)
	w.in.Handout = hub.GeoHandout{Digest: "one", Files: "embedded"}
	w.expectGeo("the first table", true, "one", false)
	w.expectGeo("nothing new", false, "one", false)
	w.in.Handout.Digest = "two"
	w.expectGeo("the files changed", true, "two", false)
	w.in.Handout = hub.GeoHandout{}
	w.expectGeo("a hub that could not read its files", false, "two", false)
	w.in.Handout = hub.GeoHandout{Digest: "three", Files: "city.mmdb"}
	w.expectGeo("other files", true, "three", true)
	w.expectGeo("nothing new", false, "three", true)
	w.in.Handout.Digest = "four"
	w.expectGeo("for who missed it, other files are still other files", true, "four", true)
	if w.in.Head.Explains(plan.ReasonGeoChanged, "three") {
		t.Error("the reason of a table that is gone stands")
	}
	w.wait(25*time.Hour, "fra", "pek", "iad")
	w.in.Handout.Digest = "five"
	w.expectGeo("a day later", true, "five", false)
}

// Whoever insists on a table that the name servers refused gets it named again, with the reason.
func TestForcedGeoTable(t *testing.T) {
	w := newWorld(t)
	w.run("fra", "pek", "iad")
	w.in.Handout = hub.GeoHandout{Digest: "one", Files: "city.mmdb"}
	w.settle("fra", "pek", "iad")
	w.expectGeo("named", false, "one", false)
	w.in.Handout.Forced = true
	w.expectGeo("forced", true, "one", true)
	w.expectGeo("named once", false, "one", true)
	w.in.Handout.Forced = false
	w.expectGeo("no longer forced", false, "one", true)
}
