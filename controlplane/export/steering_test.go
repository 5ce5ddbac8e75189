package export_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb/plan"
)

func TestPlanSteering(t *testing.T) {
	for _, c := range []struct {
		name string
		spec v1alpha1.SteeringPolicySpec
		want plan.Steering
	}{
		{"nothing said", v1alpha1.SteeringPolicySpec{}, plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerAll}},
		{"a method", v1alpha1.SteeringPolicySpec{Method: "failover", OnAllUnhealthy: "servfail"},
			plan.Steering{Method: plan.Failover, OnAllUnhealthy: plan.AnswerServfail}},
		{"everything", v1alpha1.SteeringPolicySpec{
			Method: "proximity", Watermarks: &v1alpha1.Watermarks{Low: 60, High: 80}, OnAllUnhealthy: "fallback",
			Fallback: []string{"2001:db8::1", "192.0.2.9"}, Precedence: []string{"dnspod"}, MinSites: 2, ConnectionLife: "2m", Gain: "0.03", CalmTTL: "60s",
		}, plan.Steering{
			Method: plan.Proximity, Watermarks: plan.Watermarks{LowPercent: 60, HighPercent: 80}, OnAllUnhealthy: plan.AnswerFallback,
			Fallback:   []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.9")},
			Precedence: plan.Precedence{Preset: "dnspod"}, MinSites: 2, ConnectionLife: 2 * time.Minute, GainMicro: 30_000, CalmTTL: time.Minute,
		}},
		{"sites and regions", v1alpha1.SteeringPolicySpec{
			Near: &v1alpha1.Near{MS: 5}, Costs: []v1alpha1.SiteCost{{Site: "pek", MS: 25}, {Site: "fra", MS: 5}},
			Residency: []v1alpha1.Residency{{Clients: []string{"HK", "CN"}, Regions: []string{"cn-north"}}},
		}, plan.Steering{
			Method: plan.Proximity, OnAllUnhealthy: plan.AnswerAll, Near: plan.Near{Milliseconds: 5},
			Costs:     []plan.SiteCost{{Site: "pek", Milliseconds: 25}, {Site: "fra", Milliseconds: 5}},
			Residency: []plan.Residency{{Clients: []plan.Region{"HK", "CN"}, Regions: []string{"cn-north"}}},
		}},
		{"near in percent", v1alpha1.SteeringPolicySpec{Near: &v1alpha1.Near{Percent: 10}},
			plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerAll, Near: plan.Near{Percent: 10}}},
		{"levels", v1alpha1.SteeringPolicySpec{Precedence: []string{"region", "line"}, OnAllUnhealthy: "last-good"},
			plan.Steering{Method: plan.Proximity, OnAllUnhealthy: plan.AnswerLastGood, Precedence: plan.Precedence{Levels: []plan.Level{plan.AtRegion, plan.AtLine}}}},
	} {
		if got, err := export.PlanSteering(c.spec); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

// What admission lets pass by mistake, or an older definition, is refused here, with the field.
func TestPlanSteeringRefuses(t *testing.T) {
	for want, spec := range map[string]v1alpha1.SteeringPolicySpec{
		`spec.method: "random"`:              {Method: "random"},
		`spec.onAllUnhealthy: "none"`:        {OnAllUnhealthy: "none"},
		"spec.fallback: 0 addresses":         {OnAllUnhealthy: "fallback"},
		`spec.fallback[1]: "12.3"`:           {OnAllUnhealthy: "fallback", Fallback: []string{"192.0.2.1", "12.3"}},
		"spec.fallback[0]: 224.0.0.1":        {OnAllUnhealthy: "fallback", Fallback: []string{"224.0.0.1"}},
		"spec.precedence[1]":                 {Precedence: []string{"line", "dnspod"}},
		"spec.minSites":                      {MinSites: 9},
		`spec.connectionLife: "9h"`:          {ConnectionLife: "9h"},
		`spec.calmTTL: "9h"`:                 {CalmTTL: "9h"},
		"spec.calmTTL: it needs method":      {Method: "failover", CalmTTL: "60s"},
		`spec.gain: "0.0"`:                   {Gain: "0.0"},
		"spec.near: it says nothing":         {Near: &v1alpha1.Near{}},
		"spec.near: give either ms":          {Near: &v1alpha1.Near{MS: 5, Percent: 5}},
		"spec.costs: they need method":       {Method: "weighted", Costs: []v1alpha1.SiteCost{{Site: "fra", MS: 5}}},
		"spec.residency[0].clients[0]":       {Residency: []v1alpha1.Residency{{Clients: []string{"china"}, Regions: []string{"cn"}}}},
		"spec.gain: it needs method":         {Method: "weighted", Gain: "0.01"},
		"spec.watermarks: low 90 and high 7": {Watermarks: &v1alpha1.Watermarks{Low: 90, High: 70}},
	} {
		if got, err := export.PlanSteering(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", got, err, want)
		}
	}
}

// An annotation of the workload wins over what its policy says; the policy itself stays as it is.
func TestWithPolicy(t *testing.T) {
	policy := v1alpha1.SteeringPolicySpec{Watermarks: &v1alpha1.Watermarks{Low: 60, High: 80}, Fallback: []string{"192.0.2.1"}, OnAllUnhealthy: "fallback"}
	named := v1alpha1.Steering{Policy: "calm"}
	got := export.WithPolicy(named, &policy)
	if got.Policy != "calm" || got.Method != "proximity" || got.Watermarks.Low != 60 || got.Fallback[0] != "192.0.2.1" {
		t.Errorf("got %+v", got)
	}
	named.Watermarks = &v1alpha1.Watermarks{Low: 50, High: 90}
	if got = export.WithPolicy(named, &policy); got.Watermarks.Low != 50 {
		t.Errorf("got %+v", got.Watermarks)
	}
	if got.Fallback[0] = "x"; policy.Fallback[0] != "192.0.2.1" || policy.Method != "" {
		t.Errorf("the policy became %+v", policy)
	}
}
