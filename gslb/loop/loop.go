package loop

import (
	"net/netip"
	"slices"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/load"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// Epoch is how often a Step is due.
const Epoch = 15 * time.Second

// Delays of the signals' way that a policy does not choose.
const (
	reportDelay  = time.Second
	publishDelay = 2 * time.Second
)

// Times after which a report is not believed any more.
const (
	// FrozenFor is how long a silent site counts as it was. After it, what it carried is what it can.
	FrozenFor = 10 * time.Second
)

// Policy is what a service's owner chose.
type Policy struct {
	// Marks are the watermarks; zero is load.DefaultMarks.
	Marks load.Marks
	// TTL is how long resolvers keep an answer, ConnectionLife the mean life of a client's connection; zero is
	// DefaultTTL and DefaultConnectionLife.
	TTL, ConnectionLife time.Duration
	// CalmTTL is how long they keep one that names a calm site; zero is as long as others.
	CalmTTL time.Duration
	// Gain is the part of the residual that an epoch corrects; zero is the most that cannot oscillate.
	Gain float64
	// MinSites is over how many sites every class is spread at least; zero is one.
	MinSites int
}

// What a Policy that is silent means.
const (
	DefaultTTL            = 30 * time.Second
	DefaultConnectionLife = 15 * time.Second
)

func (p Policy) withDefaults() Policy {
	if p.Marks == (load.Marks{}) {
		p.Marks = load.DefaultMarks
	}
	if p.TTL == 0 {
		p.TTL = DefaultTTL
	}
	if p.ConnectionLife == 0 {
		p.ConnectionLife = DefaultConnectionLife
	}
	if p.Gain == 0 {
		p.Gain = p.Delays().MaxGain()
	}
	return p
}

// longestTTL is the longest that resolvers keep an answer.
func (p Policy) longestTTL() time.Duration { return max(p.TTL, p.CalmTTL) }

// Delays are those of the loop that the policy makes.
func (p Policy) Delays() load.Delays {
	return load.Delays{Report: reportDelay, Epoch: Epoch, Publish: publishDelay, TTL: p.longestTTL(), ConnectionLife: p.ConnectionLife}
}

// Check refuses a policy whose loop would oscillate.
func (p Policy) Check() error {
	p = p.withDefaults()
	return p.Delays().Check(p.Gain)
}

// Input is what is known at one moment.
type Input struct {
	Now time.Time
	// Sites are those of the service, by name.
	Sites []Site
	// Classes are those of plan.Demand, in its order.
	Classes []Class
	// Answers are those that all name servers gave in an Epoch, the last that is known of, in any order.
	Answers []Answer
	// Shifts are the operators' moves, as far as they have got.
	Shifts []Shift
}

// Site is what is known of the service at one site.
type Site struct {
	ID gslb.SiteID
	// Capacity is that of the ready replicas, as far as the site may claim it.
	Capacity gslb.MilliRPS
	// Up is the health verdict. Drained sites get nobody; Cordoned ones keep what they have and get nothing new.
	Up, Drained, Cordoned bool
	// Sample is the newest report; nil if there never was one.
	Sample *load.Sample
}

// Class is a demand class.
type Class struct {
	Key        plan.ClassKey
	Candidates []Candidate
	// Allowed are the sites that may serve it at all, by index; nil is all.
	Allowed []bool
}

// Candidate is a site that a class may get.
type Candidate struct {
	// Site is an index into Input.Sites.
	Site int
	Tier uint8
	Cost solve.Cost
	// RTT is the round trip from the class to the site, for forecasts: Cost may hold more than that, or less.
	RTT time.Duration
}

// Answer is how many answers named one site to one class.
type Answer struct {
	Class, Site int
	// Resolver is who got them, if that is reported apart and sent no client subnet; the zero Addr is all others of the class.
	Resolver netip.Addr
	// Seconds is the sum of their TTLs: an answer that lives short is asked for again sooner, and stands for no more clients.
	Seconds float64
}

// Output is what name servers and people shall know.
type Output struct {
	// Splits are all that the map shall have for this service.
	Splits []plan.Split
	// Brief lists the sites, by name, whose answers are to live short: they are above their low mark, or draining.
	Brief []gslb.SiteID
	// Calm lists the sites, by name, whose answers may live for the policy's CalmTTL: they have long been below their low mark,
	// and nothing is under way there.
	Calm []gslb.SiteID
	// Heavy are the resolvers that carry more than 1/32 of a class, or of a site that they may be sent to, sorted.
	Heavy []netip.Addr
	// Frozen says that more than half of the sites are silent, so that everything stays as it was.
	Frozen bool
	// Overloaded are the sites that must take more than their high mark allows, since nobody near has room.
	Overloaded []gslb.SiteID
	// Sites has the numbers that made the decision.
	Sites []SiteFigures
	// Demand is the estimate, by class.
	Demand []gslb.MilliRPS
	// Shifts are how far those of the input got, in its order.
	Shifts []ShiftFigures
	Notes  []string
}

// IsBrief says whether a site's answers are to live short.
func (o *Output) IsBrief(site gslb.SiteID) bool { return slices.Contains(o.Brief, site) }

// IsCalm says whether a site's answers may live for the policy's CalmTTL.
func (o *Output) IsCalm(site gslb.SiteID) bool { return slices.Contains(o.Calm, site) }

// SiteFigures are the numbers of one site in one Step.
type SiteFigures struct {
	ID gslb.SiteID `json:"site"`
	// Counted is the capacity that counted, after slow start and silence and before the correction.
	Counted gslb.MilliRPS `json:"countedMilliRPS"`
	// Correction is by what the capacity was multiplied, as it turned out.
	Correction float64 `json:"correction"`
	// Drift is by how much more arrives than the shares in effect should bring.
	Drift gslb.MilliRPS `json:"driftMilliRPS,omitempty"`
	// Stray is what comes from classes all of whose candidates are gone: no share brings it.
	Stray gslb.MilliRPS `json:"strayMilliRPS,omitempty"`
	// Saturation is measured, if Known, and By what.
	Saturation load.Level `json:"saturation"`
	By         load.Cause `json:"by,omitempty"`
	Known      bool       `json:"known"`
	// Before and After are the load that the shares would bring in the end: those that were published and those that are.
	Before gslb.MilliRPS `json:"beforeMilliRPS"`
	After  gslb.MilliRPS `json:"afterMilliRPS"`
	// Silent says that the last report is too old to be believed.
	Silent bool `json:"silent,omitempty"`
}
