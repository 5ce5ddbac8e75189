package worldfile

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"go.yaml.in/yaml/v3"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
)

// steering is a service's policy. A SteeringPolicy of the Kubernetes API has the same fields by the same names.
type steering struct {
	Method         plan.Method         `yaml:"method"`
	Watermarks     watermarks          `yaml:"watermarks"`
	OnAllUnhealthy plan.OnAllUnhealthy `yaml:"onAllUnhealthy"`
	Fallback       []string            `yaml:"fallback"`
	Precedence     precedence          `yaml:"precedence"`
	MinSites       int                 `yaml:"minSites"`
	ConnectionLife scalar              `yaml:"connectionLife"`
	CalmTTL        scalar              `yaml:"calmTTL"`
	Gain           scalar              `yaml:"gain"`
	Costs          []cost              `yaml:"costs"`
	Near           *near               `yaml:"near"`
	Residency      []residency         `yaml:"residency"`
}

type cost struct {
	Site gslb.SiteID `yaml:"site"`
	MS   int         `yaml:"ms"`
}

type near struct {
	MS      int `yaml:"ms"`
	Percent int `yaml:"percent"`
}

type residency struct {
	Clients []plan.Region `yaml:"clients"`
	Regions []string      `yaml:"regions"`
}

type watermarks struct {
	Low  int `yaml:"low"`
	High int `yaml:"high"`
}

// precedence is written as the name of a preset or as a list of levels.
type precedence plan.Precedence

// UnmarshalYAML takes either.
func (p *precedence) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.SequenceNode {
		return node.Decode(&p.Preset)
	}
	list := []string{}
	if err := node.Decode(&list); err != nil {
		return err
	}
	*p = precedence(plan.PrecedenceOf(list))
	return nil
}

// steering reads a policy, and refuses one whose loop would oscillate with the service's TTL.
func (c *converter) steering(path string, s steering, ttl time.Duration) plan.Steering {
	out := plan.Steering{
		Method:         cmp.Or(s.Method, plan.Proximity),
		Watermarks:     plan.Watermarks{LowPercent: s.Watermarks.Low, HighPercent: s.Watermarks.High},
		OnAllUnhealthy: cmp.Or(s.OnAllUnhealthy, plan.AnswerAll),
		Precedence:     plan.Precedence(s.Precedence),
		MinSites:       s.MinSites,
	}
	if s.Near != nil {
		out.Near = plan.Near{Milliseconds: s.Near.MS, Percent: s.Near.Percent}
		if out.Near == (plan.Near{}) {
			c.fail(path+".near", plan.ErrNearEmpty)
		}
	}
	for _, r := range s.Residency {
		out.Residency = append(out.Residency, plan.Residency(r))
	}
	for _, k := range s.Costs {
		out.Costs = append(out.Costs, plan.SiteCost{Site: k.Site, Milliseconds: k.MS})
	}
	for i, text := range s.Fallback {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			c.fail(fmt.Sprintf("%s.fallback[%d]", path, i), fmt.Errorf("%q, want an IPv4 or IPv6 address", text))
		}
		out.Fallback = append(out.Fallback, addr)
	}
	var err error
	if s.ConnectionLife != "" {
		out.ConnectionLife, err = plan.ParseConnectionLife(string(s.ConnectionLife))
		c.fail(path+".connectionLife", err)
	}
	if s.CalmTTL != "" {
		out.CalmTTL, err = plan.ParseCalmTTL(string(s.CalmTTL))
		c.fail(path+".calmTTL", err)
	}
	if s.Gain != "" {
		out.GainMicro, err = plan.ParseGain(string(s.Gain))
		c.fail(path+".gain", err)
	}
	if out.Method == plan.Proximity {
		c.fail(path+".gain", loop.PolicyOf(&out, ttl).Check())
	}
	return out
}
