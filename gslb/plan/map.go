package plan

import (
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Map is everything that a name server needs to answer: the whole state, never a change to it. It is in canonical
// order (see Canonical), so equal worlds have equal digests.
type Map struct {
	Schema   int       `json:"schema"`
	Sites    []Site    `json:"sites"`
	Zones    []Zone    `json:"zones"`
	Services []Service `json:"services"`
	// HeavyResolvers are the resolvers that carry more than 1/32 of a demand class, sorted. Where they send no client
	// subnet and the class is split, their clients are cut by time: by slots of HeavySlot.
	HeavyResolvers []netip.Addr `json:"heavyResolvers,omitempty"`
}

// HeavySlot is how long a slot of a heavy resolver is, and how long it may keep an answer. All of its new connections go to one
// site for so long: it is a fifth of a connection's life, so that no more than a fifth of its clients is ever out of place.
const HeavySlot = 3 * time.Second

// Schema is the version of Map's encoding that this build writes and reads.
const Schema = 1

// Site is one serving location.
type Site struct {
	ID       gslb.SiteID   `json:"id"`
	Location gslb.Location `json:"location"`
	Region   string        `json:"region,omitempty"`
	Lines    []gslb.Line   `json:"lines,omitempty"`
}

// Zone is a zone that the name servers are authoritative for.
type Zone struct {
	Name        gslb.Name   `json:"name"`
	Nameservers []gslb.Name `json:"nameservers"`
	// Records are the static records beside the steered names, one RFC 1035 line each. SOA and apex NS may be left out:
	// the zone then gets those of Nameservers.
	Records []string `json:"records,omitempty"`
}

// Service is one steered name and the endpoints behind it.
type Service struct {
	Name gslb.Name `json:"name"`
	// Aliases are further names with the same answers: vanity names inside our zones.
	Aliases []gslb.Name `json:"aliases,omitempty"`
	// Owner is the object that exports the name, "namespace/name"; empty in a world file.
	Owner    string        `json:"owner,omitempty"`
	TTL      time.Duration `json:"ttl"`
	Steering Steering      `json:"steering"`
	// Health is nil where nobody asked for probes: the endpoints then count as up.
	Health *Health `json:"health,omitempty"`
	// Asleep says that the owner scaled the workload to zero: no endpoint has capacity, and that is no fault.
	Asleep    bool       `json:"asleep,omitempty"`
	Endpoints []Endpoint `json:"endpoints"`
	// Splits say where demand classes go, sorted by class. One without a split is decided by tier and capacity.
	Splits []Split `json:"splits,omitempty"`
}

// Steering says how a service chooses among its sites.
type Steering struct {
	Method     Method     `json:"method"`
	Watermarks Watermarks `json:"watermarks,omitzero"`
	// OnAllUnhealthy says what to answer when no endpoint is left.
	OnAllUnhealthy OnAllUnhealthy `json:"onAllUnhealthy"`
	// Fallback is what answers then, if that is AnswerFallback: addresses that are no site's, sorted. Else there are none.
	Fallback []netip.Addr `json:"fallback,omitempty"`
	// Precedence orders the levels at which the chosen site's addresses are looked for.
	Precedence Precedence `json:"precedence,omitzero"`
	// Near is how close sites are that count as equally near; zero is DefaultRounding.
	Near Near `json:"near,omitzero"`
	// Residency says where clients of some regions must stay; the first rule that has a client's region holds for it.
	Residency []Residency `json:"residency,omitempty"`
	// CalmTTL is how long answers live that name a calm site; zero is as long as others.
	CalmTTL time.Duration `json:"calmTTL,omitempty"`

	// The control loop of a service goes by these; name servers do not.

	// MinSites is over how many sites every demand class is spread at least; zero is one.
	MinSites int `json:"minSites,omitempty"`
	// ConnectionLife is how long a client's connection lives in the mean; zero is the loop's default.
	ConnectionLife time.Duration `json:"connectionLife,omitempty"`
	// GainMicro is the part of the residual that one epoch corrects, in millionths; zero is the most that cannot oscillate.
	GainMicro int64 `json:"gainMicro,omitempty"`
	// Costs are what a request costs at a site besides its way, sorted by site. One that is not listed costs nothing.
	Costs []SiteCost `json:"costs,omitempty"`
}

// Method is a steering method.
type Method string

// The steering methods. Proximity: the nearest site, and by capacity among sites that are equally near. Weighted: by
// capacity among all sites. Failover: the first site that is up, in the order of the endpoints.
const (
	Proximity Method = "proximity"
	Weighted  Method = "weighted"
	Failover  Method = "failover"
)

// OnAllUnhealthy is what a service answers when none of its endpoints is healthy.
type OnAllUnhealthy string

// AnswerAll answers as if every endpoint were up; AnswerLastGood, as if those were that were the last; AnswerFallback, with
// the fallback's addresses; AnswerServfail lets the resolver try elsewhere.
const (
	AnswerAll      OnAllUnhealthy = "all"
	AnswerLastGood OnAllUnhealthy = "last-good"
	AnswerFallback OnAllUnhealthy = "fallback"
	AnswerServfail OnAllUnhealthy = "servfail"
)

// Watermarks are load levels in percent of capacity: from Low on a site sheds, at High it takes nobody new.
type Watermarks struct {
	LowPercent  int `json:"low"`
	HighPercent int `json:"high"`
}

// Health says how name servers probe the endpoints of a service.
type Health struct {
	Type ProbeType `json:"type"`
	// Path is asked for by an HTTP or HTTPS probe; any status from 200 to 399 is healthy.
	Path string `json:"path,omitempty"`
	// Match is a text that the first 5,120 bytes of the answer must have besides; empty is none.
	Match    string        `json:"match,omitempty"`
	Port     uint16        `json:"port"`
	Interval time.Duration `json:"interval"`
}

// ProbeType is a kind of health probe.
type ProbeType string

// The probes: an HTTP GET, the same over TLS with any certificate, a TCP connection, the gRPC health protocol.
const (
	ProbeHTTP  ProbeType = "http"
	ProbeHTTPS ProbeType = "https"
	ProbeTCP   ProbeType = "tcp"
	ProbeGRPC  ProbeType = "grpc"
)

// Endpoint is a service at a site: there is one per pair. Its addresses share the capacity.
type Endpoint struct {
	Site gslb.SiteID `json:"site"`
	// Capacity is what the site can carry for this service now: ready replicas times the capacity of one.
	Capacity gslb.MilliRPS `json:"capacity"`
	// Drained says that an operator took the endpoint out: no new clients.
	Drained bool `json:"drained,omitempty"`
	// ForcedUp says that an operator calls the endpoint up: name servers' probes go on, and take nothing away.
	ForcedUp bool `json:"forcedUp,omitempty"`
	// Brief says that answers with the endpoint must not live long: its site is above its low mark, or draining.
	Brief bool `json:"brief,omitempty"`
	// Calm says that answers with the endpoint may live for Steering.CalmTTL: its site has long been below its low mark.
	Calm      bool      `json:"calm,omitempty"`
	Addresses []Address `json:"addresses"`
}

// Address is one address of an endpoint.
type Address struct {
	Addr netip.Addr `json:"address"`
	// Line is the ISP line that the address is reached best by; NoLine means: look it up from the address, unless it
	// declares a region.
	Line gslb.Line `json:"line,omitempty"`
	// Region is where the clients are that the address is meant for; without a line it is meant for every line there.
	Region Region `json:"region,omitempty"`
}
