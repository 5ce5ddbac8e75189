package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"tidegate.dev/tidegate/controlplane/hub/recording"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/sim"
	"tidegate.dev/tidegate/gslb/world"
)

// trial is a recorded world, a service of it, and how that would be after a change.
type trial struct {
	recorded *recording.Recording
	turn     *recording.Turn
	table    *geodata.Table
	service  int
	before   *plan.Map
	after    *plan.Map
	refused  []string
	planned  string // what the loop plans with, beside what clients are answered
}

// trial reads the world and checks that the geo table is the one that it was planned with.
func (f *tryFlags) trial(c *cobra.Command, o *options, name string) (*trial, error) {
	r, err := f.read(c, o)
	if err != nil {
		return nil, err
	}
	if r.Map == nil {
		return nil, fmt.Errorf("the recording has no map: take another with 'tidegate simulate record'")
	}
	table, err := openOr(f.files, embedded.Open)
	if err != nil {
		return nil, err
	}
	if digest := table.Digest(); digest != r.GeoDigest {
		return nil, fmt.Errorf("the world was planned with geo table %s, and this is %s: name the hub's files with --file, in the same order",
			r.GeoDigest, digest)
	}
	t := &trial{recorded: r, table: table}
	if t.service, err = serviceOf(r.Map, name); err != nil {
		return nil, err
	}
	if t.turn, err = r.Of(r.Map.Services[t.service].Name); err != nil {
		return nil, err
	}
	t.before = t.served()
	t.after = t.served()
	return t, nil
}

// served is a copy of the map as name servers serve it: what their probes call dead gets nobody, like what is drained.
func (t *trial) served() *plan.Map {
	m := *t.recorded.Map
	m.Services = slices.Clone(m.Services)
	s := &m.Services[t.service]
	s.Endpoints = slices.Clone(s.Endpoints)
	for i := range s.Endpoints {
		if at, err := t.site(s.Endpoints[i].Site); err == nil && !t.turn.Input.Sites[at].Up {
			s.Endpoints[i].Drained = true
		}
	}
	return &m
}

// site is the position of a site in the loop's input.
func (t *trial) site(id gslb.SiteID) (int, error) {
	at := slices.IndexFunc(t.turn.Input.Sites, func(s loop.Site) bool { return s.ID == id })
	if at < 0 {
		return 0, fmt.Errorf("%s does not run %s", id, t.turn.Service)
	}
	return at, nil
}

func (t *trial) policy() loop.Policy { return policyOf(&t.recorded.Map.Services[t.service]) }

// shift puts the shares of a move into the map, all of it at once.
func (t *trial) shift(from, to gslb.SiteID, percent int) error {
	source, err := t.site(from)
	if err != nil {
		return err
	}
	destination, err := t.site(to)
	if err != nil {
		return err
	}
	if source == destination {
		return fmt.Errorf("%w: --from and --to must be two sites", errUsage)
	}
	f, known := loop.Forecast(t.policy(), t.turn.Was, t.turn.Input, loop.Shift{From: source, To: destination, Share: gslb.Share(percent) * gslb.WholeShare / 100})
	if !known {
		return fmt.Errorf("nothing can be said: %s takes nobody, or more than half of the sites were silent", to)
	}
	t.planned = fmt.Sprintf("the loop plans with %v/s, then %v/s at %s and %v/s, then %v/s at %s; the table is of clients that are drawn, and may differ",
		f.From.Before, f.From.After, from, f.To.Before, f.To.After, to)
	if f.Over() {
		t.refused = append(t.refused, fmt.Sprintf("by the loop's own numbers %s would get %v requests/s, and its high mark is at %v", to, f.To.After, f.To.High))
	}
	t.after.Services[t.service].Splits = f.Splits
	return nil
}

// drain takes a site out of the map, with the shares that the loop then goes to.
func (t *trial) drain(id gslb.SiteID) error {
	at, err := t.site(id)
	if err != nil {
		return err
	}
	input := t.turn.Input
	input.Sites = slices.Clone(input.Sites)
	input.Sites[at].Drained = true
	splits, known := loop.Settled(t.policy(), t.turn.Was, input)
	if !known {
		return fmt.Errorf("nothing can be said: more than half of the sites were silent")
	}
	s := &t.after.Services[t.service]
	s.Splits = splits
	for i := range s.Endpoints {
		s.Endpoints[i].Drained = s.Endpoints[i].Drained || s.Endpoints[i].Site == id
	}
	return nil
}

// forecast asks for every client of a population before and after.
func (t *trial) forecast(seed uint64) sim.Forecast {
	geo := plan.NewGeo(t.table)
	before := plan.Compile(t.before, "", geo, nil)
	after := plan.Compile(t.after, "", geo, before)
	recorded := sim.Recorded{Population: sim.NewPopulation(t.table, sim.DefaultPopulation, seed), Demand: t.turn.ByClass(), At: t.recorded.At}
	f := sim.WhatIf(recorded, t.service, snapshotOf(before), snapshotOf(after))
	f.Refused = append(f.Refused, t.refused...)
	return f
}

func snapshotOf(compiled *plan.Compiled) *world.Snapshot {
	b := world.NewBuilder()
	b.SetPlan(1, compiled)
	return b.Snapshot()
}
