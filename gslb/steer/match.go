package steer

import (
	"fmt"
	"strings"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// TraceMatch says how addresses were picked among those of the chosen site.
type TraceMatch struct {
	// Level is the first at which the site had addresses for the client; empty if there was none, and all addresses of
	// the site are the answer.
	Level plan.Level `json:"level,omitempty"`
	// Line and Region are whom the addresses are meant for.
	Line   gslb.Line   `json:"line,omitempty"`
	Region plan.Region `json:"region,omitempty"`
	// Precedence is the policy's: a preset, "default", or its levels. Order is what it stands for.
	Precedence string       `json:"precedence"`
	Order      []plan.Level `json:"order"`
}

func (m TraceMatch) String() string {
	parts := []string{string(m.Level)}
	if m.Level == "" {
		parts[0] = "none, so all addresses of the site"
	}
	if tag := tagText(plan.Tag{Line: m.Line, Region: m.Region}); tag != "" {
		parts = append(parts, tag)
	}
	return strings.Join(append(parts, "precedence "+m.Precedence), ", ")
}

func tagText(t plan.Tag) string { return strings.TrimSpace(string(t.Line) + " " + string(t.Region)) }

// picked records by which tag addresses were picked, and which tags of the client the site had nothing for.
func (t *Trace) picked(d *decider, out Decision) {
	if d.choice.Classes.Tags == nil {
		return
	}
	tags, precedence := d.choice.Classes.Tags, d.compiled.Spec.Steering.Precedence
	site, address := d.compiled.Endpoints[out.Endpoint].Site, "address"
	if d.live.Endpoints[out.Endpoint].Has(d.family) {
		address = "address up"
	}
	t.Match = &TraceMatch{Precedence: precedence.String(), Order: precedence.Order()}
	for _, id := range d.class.Tags {
		tag := tags.Tag(id)
		if id == out.Tag {
			t.Match.Level, t.Match.Line, t.Match.Region = tag.Level(), tag.Line, tag.Region
			return
		}
		t.Steps = append(t.Steps, fmt.Sprintf("%s has no %s for %s", site, address, whom(tag)))
	}
}

// whom is a tag with its level.
func whom(t plan.Tag) string {
	if text := tagText(t); text != "" {
		return text + " (" + string(t.Level()) + ")"
	}
	return "everybody (" + string(t.Level()) + ")"
}
