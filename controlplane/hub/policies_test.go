package hub_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb/plan"
)

// policyYAML is a SteeringPolicy of a namespace with these lines as its spec.
func policyYAML(namespace, name string, spec ...string) string {
	return "apiVersion: tidegate.dev/v1alpha1\nkind: SteeringPolicy\nmetadata: {name: " + name + ", namespace: " + namespace +
		", generation: 1, uid: p-" + name + "}\nspec:\n  " + strings.Join(append([]string{"method: proximity"}, spec...), "\n  ")
}

// policy is the SteeringPolicy of that name; its change is a new generation.
func (w *world) policy(name string) *v1alpha1.SteeringPolicy {
	i := slices.IndexFunc(w.in.Policies, func(p *v1alpha1.SteeringPolicy) bool { return p.Name == name })
	return w.in.Policies[i]
}

// steering is what name servers get for the sample.
func (w *world) steering() plan.Steering {
	w.t.Helper()
	for _, s := range w.in.Current.Services {
		if s.Owner == "shop/chat" {
			return s.Steering
		}
	}
	w.t.Fatal("shop/chat is not served")
	return plan.Steering{}
}

func (w *world) accepted(name string) metav1.Condition {
	c := w.policy(name).Status.Conditions
	if len(c) != 1 || c[0].Type != v1alpha1.ConditionAccepted || c[0].ObservedGeneration != w.policy(name).Generation {
		w.t.Errorf("%s has conditions %+v", name, c)
		return metav1.Condition{}
	}
	return c[0]
}

func (w *world) message(export string) string {
	for _, c := range w.export(export).Status.Conditions {
		if c.Type == v1alpha1.ConditionAccepted {
			return c.Message
		}
	}
	return ""
}

// TestLifeOfAPolicy: it comes after the workload that names it, changes, is wrong for a while, and goes.
func TestLifeOfAPolicy(t *testing.T) {
	w := newWorld(t)
	w.settle("fra", "pek", "iad")
	w.annotate("tidegate.dev/steering", "calm")
	w.step("named, and not there")
	w.settle("fra", "pek", "iad")
	w.load(policyYAML("shop", "calm", "onAllUnhealthy: last-good", "minSites: 2"))
	w.step("there")
	w.settle("fra", "pek", "iad")
	w.policy("calm").Spec.OnAllUnhealthy, w.policy("calm").Spec.Fallback, w.policy("calm").Generation = "fallback", []string{"192.0.2.99"}, 2
	w.step("changed")
	w.settle("fra", "pek", "iad")
	w.policy("calm").Spec.Gain, w.policy("calm").Generation = "0.5", 3
	w.step("it would oscillate")
	w.settle("fra", "pek", "iad")
	w.policy("calm").Spec.Gain, w.policy("calm").Spec.Fallback, w.policy("calm").Generation = "", nil, 4
	w.step("its fallback is missing")
	w.settle("fra", "pek", "iad")
	w.in.Policies = nil
	w.step("deleted: it stays in force")
	w.settle("fra", "pek", "iad")
	w.annotate("tidegate.dev/steering", "proximity")
	w.step("no longer named")
	golden(t, "testdata/policy.txt", w.log.String())
}

// TestPolicyInForce is what reaches name servers, and that a refusal changes nothing of it.
func TestPolicyInForce(t *testing.T) {
	w := newWorld(t)
	w.load(policyYAML("shop", "calm", "watermarks: {low: 60, high: 80}", "onAllUnhealthy: fallback", "fallback: ['2001:db8::99', 192.0.2.99]",
		"precedence: [dnspod]", "minSites: 2", "connectionLife: 2m", "gain: '0.03'"))
	w.annotate("tidegate.dev/steering", "calm")
	w.settle("fra", "pek", "iad")
	served := w.steering()
	if served.MinSites != 2 || served.ConnectionLife != 2*time.Minute || served.GainMicro != 30_000 || served.Watermarks.LowPercent != 60 ||
		served.OnAllUnhealthy != plan.AnswerFallback || len(served.Fallback) != 2 || served.Precedence.Preset != "dnspod" {
		t.Errorf("served %+v", served)
	}
	if c := w.accepted("calm"); c.Status != metav1.ConditionTrue || c.Message != "used by shop/chat" {
		t.Errorf("accepted: %+v", c)
	}
	before := w.export("chat").Status.MapGeneration
	w.policy("calm").Spec.Fallback = []string{"2001:db8::99", "192.0.2.98"}
	w.settle("fra", "pek", "iad")
	if served = w.steering(); served.Fallback[0].String() != "192.0.2.98" || w.export("chat").Status.MapGeneration != before+1 {
		t.Errorf("with another fallback: served %+v, by map %d after %d", served, w.export("chat").Status.MapGeneration, before)
	}
	w.annotate("tidegate.dev/ttl", "10m") // a longer dead time
	w.settle("fra", "pek", "iad")
	if got := w.reason("chat", "Accepted"); got != v1alpha1.ReasonOscillates || !reflect.DeepEqual(w.steering(), served) || w.in.Current.Services[0].TTL != 30*time.Second {
		t.Errorf("with another TTL: %s, served %+v", got, w.steering())
	}
	for _, message := range []string{w.message("chat"), w.accepted("calm").Message} {
		if !strings.Contains(message, "a gain of 0.030 each 15s would oscillate: with a dead time of 12m18s") || !strings.Contains(message, "TTL 10m0s") {
			t.Errorf("the numbers are missing: %s", message)
		}
	}
	if c := w.accepted("calm"); c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonOscillates || !strings.HasPrefix(c.Message, "shop/chat: ") {
		t.Errorf("accepted: %+v", c)
	}
	delete(w.chat().Annotations, "tidegate.dev/ttl")
	w.annotate("tidegate.dev/watermarks", "50,90") // wins over the policy's
	w.settle("fra", "pek", "iad")
	if got := w.reason("chat", "Accepted"); got != v1alpha1.ReasonAccepted || w.steering().Watermarks.LowPercent != 50 || w.steering().MinSites != 2 {
		t.Errorf("with watermarks of its own: %s, served %+v", got, w.steering())
	}
}

// TestPoliciesOfOthers: a policy is of its namespace; one that nobody uses is held against the default TTL.
func TestPoliciesOfOthers(t *testing.T) {
	w := newWorld(t)
	w.load(policyYAML("other", "calm"))
	w.load(policyYAML("shop", "idle", "gain: '0.08'"))
	w.load(policyYAML("shop", "wild", "gain: '0.5'"))
	w.annotate("tidegate.dev/steering", "calm")
	w.settle("fra", "pek", "iad")
	if got := w.reason("chat", "Accepted"); got != v1alpha1.ReasonPolicyNotFound {
		t.Errorf("another namespace's: %s", got)
	}
	for name, want := range map[string]string{"calm": "no export uses it", "idle": "no export uses it", "wild": "with the default TTL: a gain of 0.500"} {
		if c := w.accepted(name); !strings.HasPrefix(c.Message, want) || (c.Status == metav1.ConditionTrue) != (name != "wild") {
			t.Errorf("%s: %+v", name, c)
		}
	}
	w.annotate("tidegate.dev/steering", "idle")
	w.annotate("tidegate.dev/ttl", "60s")
	w.settle("fra", "pek", "iad")
	if w.reason("chat", "Accepted") != v1alpha1.ReasonOscillates || w.accepted("idle").Status != metav1.ConditionFalse {
		t.Errorf("with a TTL of 60s: %s", w.message("chat"))
	}
	w.annotate("tidegate.dev/ttl", "15s")
	w.settle("fra", "pek", "iad")
	if w.reason("chat", "Accepted") != v1alpha1.ReasonAccepted || w.accepted("idle").Status != metav1.ConditionTrue {
		t.Errorf("with a TTL of 15s: %s", w.message("chat"))
	}
}

// TestCalmTTLOfAPolicy: it is not less than the TTL of who uses the policy; a service for which it is keeps what it had.
func TestCalmTTLOfAPolicy(t *testing.T) {
	w := newWorld(t)
	w.load(policyYAML("shop", "calm", "calmTTL: 60s"))
	w.load(policyYAML("shop", "short", "calmTTL: 20s"))
	w.annotate("tidegate.dev/steering", "calm")
	w.settle("fra", "pek", "iad")
	if got := w.steering().CalmTTL; got != time.Minute {
		t.Errorf("served %v", got)
	}
	const unused = "with the default TTL: calmTTL: 20s is less than the service's TTL of 30s"
	if c := w.accepted("short"); c.Reason != v1alpha1.ReasonInvalidPolicy || !strings.HasPrefix(c.Message, unused) {
		t.Errorf("one that nobody uses: %+v", c)
	}
	w.annotate("tidegate.dev/ttl", "90s")
	w.settle("fra", "pek", "iad")
	const want = "calmTTL: 1m0s is less than the service's TTL of 1m30s"
	if c := w.accepted("calm"); c.Reason != v1alpha1.ReasonInvalidPolicy || !strings.HasPrefix(c.Message, "shop/chat: "+want) {
		t.Errorf("accepted: %+v", c)
	}
	if got := w.reason("chat", "Accepted"); got != v1alpha1.ReasonInvalidPolicy || !strings.Contains(w.message("chat"), want) {
		t.Errorf("%s: %s", got, w.message("chat"))
	}
	if s := w.in.Current.Services[0]; s.TTL != 30*time.Second || s.Steering.CalmTTL != time.Minute {
		t.Errorf("served with a TTL of %v: %+v", s.TTL, s.Steering)
	}
}

// TestFailoverHasNoLoop: what only a loop goes by is refused where none runs, and an export hears of it with the field.
func TestFailoverHasNoLoop(t *testing.T) {
	w := newWorld(t)
	w.load(policyYAML("shop", "calm", "minSites: 2"))
	w.policy("calm").Spec.Method = "failover"
	w.annotate("tidegate.dev/steering", "calm")
	w.settle("fra", "pek", "iad")
	const want = "spec.minSites: it needs method proximity"
	if got := w.reason("chat", "Accepted"); got != v1alpha1.ReasonInvalidPolicy || !strings.Contains(w.message("chat"), want) {
		t.Errorf("%s: %s", got, w.message("chat"))
	}
	if c := w.accepted("calm"); c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonInvalidPolicy || !strings.Contains(c.Message, want) {
		t.Errorf("accepted: %+v", c)
	}
}

// TestPolicyOfSitesAndRegions: what a policy names and no Site is, is told; a residency that leaves clients nobody is refused
// until a Site says that it is there, and what was accepted before stays in force.
func TestPolicyOfSitesAndRegions(t *testing.T) {
	w := newWorld(t)
	w.load(policyYAML("shop", "calm", "near: {percent: 10}", "costs: [{site: pek, ms: 25}, {site: atlantis, ms: 5}]"))
	w.annotate("tidegate.dev/steering", "calm")
	w.settle("fra", "pek", "iad")
	served := w.steering()
	if served.Near.Percent != 10 || len(served.Costs) != 2 || served.Costs[1] != (plan.SiteCost{Site: "pek", Milliseconds: 25}) {
		t.Errorf("served %+v", served)
	}
	const told = "used by shop/chat; it names what is not there: spec.costs[1].site: there is no site atlantis"
	if c := w.accepted("calm"); c.Status != metav1.ConditionTrue || c.Message != told {
		t.Errorf("accepted: %+v", c)
	}
	w.policy("calm").Spec.Residency = []v1alpha1.Residency{{Clients: []string{"DE"}, Regions: []string{"mars"}}}
	w.settle("fra", "pek", "iad")
	const nobody = "spec.residency[0].regions: no site has the region mars: nobody could answer clients of DE"
	if c := w.accepted("calm"); c.Reason != v1alpha1.ReasonInvalidPolicy || !strings.Contains(c.Message, nobody) || !reflect.DeepEqual(w.steering(), served) {
		t.Errorf("accepted: %+v, served %+v", c, w.steering())
	}
	w.in.Sites[0].Spec.Region = "mars"
	w.settle("fra", "pek", "iad")
	if c := w.accepted("calm"); c.Status != metav1.ConditionTrue || len(w.steering().Residency) != 1 {
		t.Errorf("accepted: %+v, served %+v", c, w.steering())
	}
}
