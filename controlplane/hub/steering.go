package hub

import (
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"tidegate.dev/tidegate/controlplane/hub/recording"
	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/health"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/shift"
)

// steering turns the control loop of every service that the served map has: gslb/loop thinks, this brings it what the hub
// observed, and joins what it says of resolvers. It belongs to the goroutine of Loop.Run.
type steering struct {
	at       time.Time
	table    *geodata.Table
	geo      *plan.Geo
	compiled *plan.Compiled
	states   map[gslb.Name]loop.State
	outputs  map[gslb.Name]loop.Output
	heavy    map[gslb.Name][]netip.Addr // resolvers, by the last Step of each service; nil before the first turn
	verdicts map[endpointKey]judged
	shifts   map[types.UID]shift.State
	cordoned map[gslb.SiteID]bool
	// recorded is the last turn as it was, for forecasts.
	recorded *recording.Recording
}

// due says whether an epoch is over.
func (s *steering) due(now time.Time) bool { return now.Sub(s.at) >= loop.Epoch }

// turn steps every service. Answers are those that name servers reported since the last turn.
func (s *steering) turn(in Inputs, answers answerSums) {
	s.at = in.Now
	if in.Current == nil || in.Geo == nil {
		return
	}
	s.compile(in)
	var turns []recording.Turn
	states, outputs, heavy := map[gslb.Name]loop.State{}, map[gslb.Name]loop.Output{}, map[gslb.Name][]netip.Addr{}
	before := s.verdicts
	s.verdicts = map[endpointKey]judged{}
	workloads, moving := workloadsOf(in), s.shifting(in)
	s.cordoned = cordons(in)
	for i := range s.compiled.Services {
		service := &s.compiled.Services[i]
		spec := service.Spec
		if spec.Steering.Method != plan.Proximity {
			continue // no class of it can be split
		}
		heavy[spec.Name] = s.heavy[spec.Name]
		if len(spec.Endpoints) < 2 || spec.Asleep {
			continue
		}
		input, sites, panicked := s.input(in, service, workloads[spec.Name], before)
		input.Answers = answers.of(spec.Name, service.All.Classes.Demand(), sites)
		was := s.stateOf(spec, in.Current)
		input.Shifts = moving.through(spec, was, input, sites)
		state, output := loop.Step(loop.PolicyOf(&spec.Steering, spec.TTL), was, input)
		moving.got(spec.Name, output.Shifts)
		turns = append(turns, recording.Turn{Service: spec.Name, Was: was, Input: input, Demand: output.Demand})
		if panicked != "" {
			output.Notes = append(output.Notes, panicked)
		}
		states[spec.Name], outputs[spec.Name], heavy[spec.Name] = state, output, output.Heavy
	}
	s.recorded = &recording.Recording{At: in.Now, GeoDigest: in.Geo.Digest(), Map: in.Current, Turns: turns}
	s.states, s.outputs, s.heavy, s.shifts = states, outputs, heavy, moving.done()
}

func (s *steering) compile(in Inputs) {
	if s.table != in.Geo {
		s.table, s.geo = in.Geo, plan.NewGeo(in.Geo)
	}
	if s.compiled == nil || s.compiled.Map != in.Current || s.compiled.Geo != s.geo {
		s.compiled = plan.Compile(in.Current, in.Head.Digest, s.geo, s.compiled)
	}
}

// unknownTimes tells of round-trip times in the geo table that are of no site of the map.
func (s *steering) unknownTimes() error {
	if s.compiled == nil || len(s.compiled.UnknownTimes) == 0 {
		return nil
	}
	return s.compiled.UnknownTimes
}

// workloadsOf finds, by canonical name, the key under which sites report a workload.
func workloadsOf(in Inputs) map[gslb.Name]string {
	keys := map[gslb.Name]string{}
	for _, dex := range in.Exports {
		w := dex.Spec.Workload
		keys[gslb.Name(dex.Status.CanonicalName)] = dex.Namespace + "/" + w.Kind + "/" + w.Name
	}
	return keys
}

// input is what one turn of a service knows, the position of each of its sites in it, and why sites count as up that are down.
func (s *steering) input(in Inputs, service *plan.CompiledService, workload string, before map[endpointKey]judged) (input loop.Input, sites map[gslb.SiteID]int, panicked string) {
	input, sites = loop.Input{Now: in.Now, Classes: loop.ClassesOf(service)}, map[gslb.SiteID]int{}
	var members []health.Member
	for at, i := range service.All.BySite {
		e := &service.Spec.Endpoints[i]
		key := endpointKey{service.Spec.Name, e.Site}
		verdict := judge(in, service.Spec, e.Site, workload, before[key])
		s.verdicts[key], sites[e.Site] = verdict, at
		input.Sites = append(input.Sites, loop.Site{
			ID: e.Site, Capacity: e.Capacity, Drained: e.Drained, Cordoned: s.cordoned[e.Site],
			Sample: sampleOf(in.Reports[e.Site], workload),
		})
		members = append(members, health.Member{Capacity: undrained(e), Verdict: verdict.Verdict})
	}
	pool := health.Panic(members)
	for at := range input.Sites {
		if input.Sites[at].Up = pool.Include[at]; pool.Include[at] && members[at].Verdict.Down {
			panicked = pool.Reason
		}
	}
	return input, sites, panicked
}

// undrained is the capacity that clients may be sent to, as long as it is up.
func undrained(e *plan.Endpoint) gslb.MilliRPS {
	if e.Drained {
		return 0
	}
	return e.Capacity
}

// sampleOf is what a site's load balancer measured; nil if the site never reported the workload. A report's age counts
// from when it came: sites' clocks differ.
func sampleOf(o SiteObservation, workload string) *load.Sample {
	service := o.service(workload)
	if service == nil {
		return nil
	}
	sample := &load.Sample{At: o.Received, Replicas: int64(service.ReadyReplicas)}
	if l := service.Load; l != nil {
		sample.Rate, sample.InFlight, sample.Waiting = l.Rate, l.InFlight, l.Queued
	}
	return sample
}
