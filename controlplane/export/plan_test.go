package export_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb"
)

var (
	day   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	zones = export.Zones{
		Names:  []gslb.Name{"edge.example.", "shop.example."},
		Export: "edge.example.",
		Taken:  map[gslb.Name]string{"ns1.edge.example.": "zone edge.example."},
	}
)

// request is an object of a namespace, made n hours after the first, that asks for domains.
func request(namespace, name string, hours int, domains ...string) export.Request {
	return export.Request{
		Key: namespace + "/" + name, Namespace: namespace, Service: name, Created: day.Add(time.Duration(hours) * time.Hour),
		Spec: v1alpha1.DomainExportSpec{Source: v1alpha1.ObjectReference{Kind: "Deployment", Name: name}, Domains: domains,
			Ports: []v1alpha1.Port{{Listen: 80, Target: 80, Protocol: "http"}}},
	}
}

// remembered is the request after it was ruled on once.
func remembered(r export.Request, ruling export.Ruling) export.Request {
	r.Kept, r.Claims = ruling.Spec, ruling.Claims
	return r
}

func TestNamesOfAnExport(t *testing.T) {
	r := request("shop", "chat", 0, "chat.edge.example.", "www.shop.example.", "chat.example.com.", "chat.shop.edge.example.")
	got := export.Plan([]export.Request{r}, zones, day)["shop/chat"]
	if got.Refusal != nil || got.Canonical != "chat.shop.edge.example." {
		t.Fatalf("got %+v", got)
	}
	if want := []gslb.Name{"chat.edge.example.", "www.shop.example."}; !slices.Equal(got.Aliases, want) {
		t.Errorf("aliases %v, want %v", got.Aliases, want)
	}
	if want := []gslb.Name{"chat.example.com."}; !slices.Equal(got.Outside, want) {
		t.Errorf("outside %v, want %v", got.Outside, want)
	}
	if len(got.Claims) != 3 {
		t.Errorf("claims %v", got.Claims)
	}
}

func TestOldestObjectWinsAFreeName(t *testing.T) {
	old, young := request("b", "chat", 0, "chat.edge.example."), request("a", "chat", 1, "chat.edge.example.", "other.edge.example.")
	got := export.Plan([]export.Request{young, old}, zones, day)
	if r := got["b/chat"]; r.Refusal != nil || len(r.Aliases) != 1 {
		t.Errorf("the old one got %+v", r)
	}
	loser := got["a/chat"]
	if loser.Refusal == nil || loser.Refusal.Reason != v1alpha1.ReasonHostnameConflict ||
		!strings.Contains(loser.Refusal.Message, "chat.edge.example. belongs to b/chat") {
		t.Errorf("the young one got %+v", loser.Refusal)
	}
	if loser.Canonical != "chat.a.edge.example." || !slices.Equal(loser.Aliases, []gslb.Name{"other.edge.example."}) {
		t.Errorf("its other names are %v %v", loser.Canonical, loser.Aliases)
	}
}

// TestOneMessageForAConflict: a request that was refused is ruled on again and again, with what came of it last time.
func TestOneMessageForAConflict(t *testing.T) {
	theirs := request("b", "chat", 0, "theirs.edge.example.")
	const served = "theirs.edge.example. belongs to b/chat; its other names are served"
	const stays = "theirs.edge.example. belongs to b/chat; choose other names; the settings in force stay as they are until then"
	type change func(*export.Request)
	domains := func(list ...string) change { return func(r *export.Request) { r.Spec.Domains = list } }
	both := domains("mine.edge.example.", "theirs.edge.example.")
	tests := []struct {
		name   string
		before change // what was accepted first; nil: nothing
		now    change
		says   string
		alias  gslb.Name
	}{
		{"from birth", nil, both, served, "mine.edge.example."},
		{"from birth, without another domain", nil, domains("theirs.edge.example."), served, ""},
		{"added to what was accepted", domains("mine.edge.example."), both, served, "mine.edge.example."},
		{"in place of what was accepted", domains("old.edge.example."), both, stays, "old.edge.example."},
		{"edited while it is refused", both, func(r *export.Request) { both(r); r.Spec.TTLSeconds = 7 }, stays, "mine.edge.example."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			mine, owner := request("a", "chat", 5), theirs
			pass := func() export.Ruling {
				got := export.Plan([]export.Request{owner, mine}, zones, day)
				mine, owner = remembered(mine, got["a/chat"]), remembered(owner, got["b/chat"])
				return got["a/chat"]
			}
			if test.before != nil {
				test.before(&mine)
				pass()
			}
			test.now(&mine)
			for i := range 3 {
				got := pass()
				if got.Refusal == nil || got.Refusal.Reason != v1alpha1.ReasonHostnameConflict || got.Refusal.Message != test.says {
					t.Errorf("pass %d: %+v, want %q", i, got.Refusal, test.says)
				}
				if (len(got.Aliases) == 1) != (test.alias != "") || test.alias != "" && got.Aliases[0] != test.alias {
					t.Errorf("pass %d: it serves %v, want %q", i, got.Aliases, test.alias)
				}
			}
		})
	}
}

// TestRefusalSaysWhatIsInForce: whoever reads why an annotation is wrong reads what it means for what is served.
func TestRefusalSaysWhatIsInForce(t *testing.T) {
	for _, reason := range []string{v1alpha1.ReasonInvalidAnnotation, v1alpha1.ReasonPlacementNotFound, v1alpha1.ReasonWorkloadNotFound} {
		fresh := request("a", "chat", 0)
		known := remembered(fresh, export.Plan([]export.Request{fresh}, zones, day)["a/chat"])
		for want, r := range map[string]export.Request{
			"why; nothing is exported until then":                    fresh,
			"why; the settings in force stay as they are until then": known,
		} {
			r.Refusal = &export.Refusal{Reason: reason, Message: "why"}
			if got := export.Plan([]export.Request{r}, zones, day)["a/chat"].Refusal; got.Reason != reason || got.Message != want {
				t.Errorf("%s: %+v, want %q", reason, got, want)
			}
		}
	}
}

func TestAcceptedClaimBeatsAnOlderObject(t *testing.T) {
	young := request("a", "chat", 5, "chat.edge.example.")
	first := export.Plan([]export.Request{young}, zones, day)["a/chat"]
	old := request("b", "chat", 0, "chat.edge.example.")
	got := export.Plan([]export.Request{old, remembered(young, first)}, zones, day.Add(time.Hour))
	if got["a/chat"].Refusal != nil || got["b/chat"].Refusal == nil {
		t.Errorf("a: %v, b: %v", got["a/chat"].Refusal, got["b/chat"].Refusal)
	}
	if since := got["a/chat"].Claims[1].Since; !since.Time.Equal(day) {
		t.Errorf("the claim is as old as %v, want %v", since, day)
	}
}

func TestOldestClaimWins(t *testing.T) {
	a, b := request("a", "chat", 0, "x.edge.example."), request("b", "chat", 1, "x.edge.example.")
	claim := func(hours int) []v1alpha1.Claim {
		return []v1alpha1.Claim{{Name: "x.edge.example.", Since: metav1.NewTime(day.Add(time.Duration(hours) * time.Hour))}}
	}
	a.Kept, a.Claims, b.Kept, b.Claims = a.Spec, claim(9), b.Spec, claim(8)
	got := export.Plan([]export.Request{a, b}, zones, day)
	if len(got["b/chat"].Aliases) != 1 || len(got["a/chat"].Aliases) != 0 || got["a/chat"].Refusal == nil {
		t.Errorf("a: %+v\nb: %+v", got["a/chat"], got["b/chat"])
	}
}

func TestRefusedChangeKeepsWhatIsServed(t *testing.T) {
	mine := request("a", "chat", 0, "mine.edge.example.")
	other := request("b", "chat", 0, "theirs.edge.example.")
	first := export.Plan([]export.Request{mine, other}, zones, day)
	change := func(change func(*export.Request)) export.Ruling {
		r := remembered(mine, first["a/chat"])
		change(&r)
		return export.Plan([]export.Request{r, remembered(other, first["b/chat"])}, zones, day)["a/chat"]
	}
	tests := map[string]struct {
		change func(*export.Request)
		reason string
	}{
		"conflict": {func(r *export.Request) { r.Spec.Domains = []string{"theirs.edge.example."} }, v1alpha1.ReasonHostnameConflict},
		"unreadable": {func(r *export.Request) {
			r.Spec, r.Refusal = v1alpha1.DomainExportSpec{}, &export.Refusal{Reason: v1alpha1.ReasonInvalidAnnotation, Message: "x"}
		}, v1alpha1.ReasonInvalidAnnotation},
		"name server's name": {func(r *export.Request) { r.Spec.Domains = []string{"ns1.edge.example."} }, v1alpha1.ReasonHostnameConflict},
		"canonical name of another namespace": {func(r *export.Request) {
			r.Spec.Domains = []string{"chat.b.edge.example."}
		}, v1alpha1.ReasonHostnameConflict},
	}
	for name, test := range tests {
		got := change(test.change)
		if got.Refusal == nil || got.Refusal.Reason != test.reason {
			t.Errorf("%s: refusal %+v, want %s", name, got.Refusal, test.reason)
		}
		if !got.InForce() || !slices.Equal(got.Aliases, []gslb.Name{"mine.edge.example."}) || got.Canonical != "chat.a.edge.example." {
			t.Errorf("%s: serves %v %v", name, got.Canonical, got.Aliases)
		}
	}
}

func TestReleasedNameIsFreeAfterwards(t *testing.T) {
	a, b := request("a", "chat", 0, "x.edge.example."), request("b", "chat", 1, "x.edge.example.")
	a = remembered(a, export.Plan([]export.Request{a}, zones, day)["a/chat"])
	a.Spec.Domains = nil
	first := export.Plan([]export.Request{a, b}, zones, day)
	if first["b/chat"].Refusal == nil {
		t.Fatal("the name was free before its owner's new spec was written")
	}
	a, b = remembered(a, first["a/chat"]), remembered(b, first["b/chat"])
	if got := export.Plan([]export.Request{a, b}, zones, day)["b/chat"]; got.Refusal != nil || len(got.Aliases) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestNothingInForce(t *testing.T) {
	tests := map[string]struct {
		request export.Request
		zones   export.Zones
		reason  string
	}{
		"no export zone": {request("a", "chat", 0), export.Zones{}, v1alpha1.ReasonNoExportZone},
		"name with dots": {request("a", "chat.v2", 0), zones, v1alpha1.ReasonInvalidName},
		"wrong annotations": {export.Request{Key: "a/chat", Namespace: "a", Service: "chat",
			Refusal: &export.Refusal{Reason: v1alpha1.ReasonInvalidAnnotation}}, zones, v1alpha1.ReasonInvalidAnnotation},
	}
	for name, test := range tests {
		got := export.Plan([]export.Request{test.request}, test.zones, day)[test.request.Key]
		if got.InForce() || got.Refusal == nil || got.Refusal.Reason != test.reason || len(got.Claims) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTwoObjectsOfOneName(t *testing.T) {
	a, b := request("a", "chat", 0), request("a", "chat", 1)
	b.Key = "a/chat.statefulset"
	got := export.Plan([]export.Request{a, b}, zones, day)
	if got["a/chat"].Refusal != nil || got[b.Key].InForce() || got[b.Key].Refusal == nil {
		t.Errorf("got %+v", got)
	}
}

func TestOutsideDomainsAreNotContested(t *testing.T) {
	a, b := request("a", "chat", 0, "chat.example.com."), request("b", "chat", 1, "chat.example.com.")
	for key, r := range export.Plan([]export.Request{a, b}, zones, day) {
		if r.Refusal != nil || len(r.Outside) != 1 {
			t.Errorf("%s: %+v", key, r)
		}
	}
}

// TestNamesOfOtherNamespaces: a namespace with exports has the name right below the export zone, and all below that.
func TestNamesOfOtherNamespaces(t *testing.T) {
	demo := request("demo", "chat", 1)
	for domain, says := range map[string]string{
		"demo.edge.example.":  "demo.edge.example. is kept for namespace demo",
		"x.web.edge.example.": "x.web.edge.example. is kept for namespace web",
		"edge.example.":       "is the apex of a zone",
		"shop.example.":       "is the apex of a zone",
		"free.edge.example.":  "",
	} {
		got := export.Plan([]export.Request{request("shop", "web", 0, domain), demo}, zones, day)["shop/web"].Refusal
		if (got == nil) != (says == "") || got != nil && !strings.Contains(got.Message, says) {
			t.Errorf("%s: %+v", domain, got)
		}
	}
	own := request("demo", "web", 2, "demo.edge.example.")
	if got := export.Plan([]export.Request{demo, own}, zones, day)["demo/web"]; got.Refusal != nil {
		t.Errorf("its own: %+v", got.Refusal)
	}
	first := request("shop", "web", 0, "demo.edge.example.")
	first = remembered(first, export.Plan([]export.Request{first}, zones, day)["shop/web"])
	if got := export.Plan([]export.Request{first, demo}, zones, day)["shop/web"]; got.Refusal != nil || len(got.Aliases) != 1 {
		t.Errorf("who had it before the namespace had exports: %+v", got)
	}
}
