package signal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// Version is the version of the reports' encoding.
const Version = 1

// Limits of one report; a larger one is refused whole.
const (
	MaxReportBytes = 1 << 20
	MaxServices    = 10_000
	MaxAddresses   = 16
)

// SiteReport is what a site says about itself, once a second.
type SiteReport struct {
	Version   int         `json:"version"`
	Site      gslb.SiteID `json:"site"`
	SampledAt time.Time   `json:"sampledAt"`
	// Sequence grows with every report of one run of the site's agent.
	Sequence uint64 `json:"sequence"`
	// Work is the revision of the work that the site has applied; 0 before the first.
	Work     uint64          `json:"work"`
	Services []ServiceReport `json:"services"`
}

// ServiceReport is one exported workload at a site.
type ServiceReport struct {
	// Workload is "namespace/kind/name" at the hub, such as "shop/Deployment/chat".
	Workload string `json:"workload"`
	// DesiredReplicas is what the site was told to run, ReadyReplicas what can serve now.
	DesiredReplicas int `json:"desiredReplicas"`
	ReadyReplicas   int `json:"readyReplicas"`
	// Accelerators counts the ready replicas by accelerator of their node, such as nvidia-l4.
	Accelerators map[string]int `json:"accelerators,omitempty"`
	// Addresses are where the site's load balancer serves the workload.
	Addresses []netip.Addr `json:"addresses"`
	// Load is absent while no load balancer was read.
	Load *Load `json:"load,omitempty"`
	// Message says why the site could not apply or serve the workload; empty is fine.
	Message string `json:"message,omitempty"`
}

// Load is what a load balancer says about one service. Nil is: not measured.
type Load struct {
	Rate     *gslb.MilliRPS `json:"rateMilliRPS,omitempty"`
	InFlight *int64         `json:"inFlight,omitempty"`
	Queued   *int64         `json:"queued,omitempty"`
	// Errors5xxTotal and RequestsTotal count since the load balancer started.
	RequestsTotal  *uint64 `json:"requestsTotal,omitempty"`
	Errors5xxTotal *uint64 `json:"errors5xxTotal,omitempty"`
	ServersUp      *int64  `json:"serversUp,omitempty"`
}

// NameServerReport is what a name server says about itself, every 10 s and after every swap.
type NameServerReport struct {
	Version    int       `json:"version"`
	Name       string    `json:"name"`
	SampledAt  time.Time `json:"sampledAt"`
	Generation uint64    `json:"generation"`
	MapDigest  string    `json:"mapDigest"`
	GeoDigest  string    `json:"geoDigest"`
	// Refused is the reason for which the newest head was not taken; empty if it was.
	Refused string `json:"refused,omitempty"`
	// GeoTrouble is why the hub's geo table, or the name server's own, is not in use; empty if it is.
	GeoTrouble string `json:"geoTrouble,omitempty"`
	// Dead lists the endpoints that this name server's own probes call down.
	Dead []DeadEndpoint `json:"dead,omitempty"`
	// Answers count what this name server answered in the CountedMillis before SampledAt, whether the reports of before
	// came through or not; 0 is not known, of an older one.
	Answers       []ServiceAnswers `json:"answers,omitempty"`
	CountedMillis int64            `json:"countedMillis,omitempty"`
}

// ServiceAnswers is what a name server answered for one service.
type ServiceAnswers struct {
	Service gslb.Name      `json:"service"`
	Classes []ClassAnswers `json:"classes"`
	// Resolvers are the service's among the heaviest resolvers that sent no client subnet.
	Resolvers []ResolverAnswers `json:"resolvers,omitempty"`
}

// ClassAnswers is what it answered to one demand class.
type ClassAnswers struct {
	// Class is the key of the demand class (plan.ClassKey).
	Class string `json:"class"`
	// Seconds is, by site, the sum of the answers' TTLs: for how long clients were sent there.
	Seconds map[gslb.SiteID]int64 `json:"seconds"`
}

// ResolverAnswers is what it answered to one resolver about one site, which is part of what it answered to the class. A
// resolver has a row for each demand class of its clients and each site that they were sent to.
type ResolverAnswers struct {
	Resolver netip.Addr `json:"resolver"`
	// Class is the key of the demand class of the resolver's clients.
	Class string `json:"class"`
	// Site is where it was sent. Empty: a name server from before does not say, and who reads the row leaves it out.
	Site gslb.SiteID `json:"site,omitempty"`
	// Seconds is the sum of the answers' TTLs.
	Seconds int64 `json:"seconds"`
}

// MaxAnswers bounds the classes of all services in one report, MaxResolvers the resolvers, each counted once for each class
// that it asks for, and MaxResolverRows their rows: as many as the sites that a class goes to. What is more is left out, the
// least first, and so is what MaxReportBytes has no room for.
const (
	MaxAnswers      = 5_000
	MaxResolvers    = 1_000
	MaxResolverRows = 8 * MaxResolvers
)

// DeadEndpoint is an endpoint that a name server's probes call down.
type DeadEndpoint struct {
	Service gslb.Name   `json:"service"`
	Site    gslb.SiteID `json:"site"`
	Since   time.Time   `json:"since"`
}

// ErrReport is the reason for every report that is refused.
var ErrReport = errors.New("not a report")

// DecodeSite reads a site's report. The caller checks that the sender is the site.
func DecodeSite(data []byte) (SiteReport, error) {
	var r SiteReport
	if err := decode(data, &r); err != nil {
		return SiteReport{}, err
	}
	return r, r.check()
}

// DecodeNameServer reads a name server's report. The caller checks that the sender is the name server.
func DecodeNameServer(data []byte) (NameServerReport, error) {
	var r NameServerReport
	if err := decode(data, &r); err != nil {
		return NameServerReport{}, err
	}
	return r, r.check()
}

func (r NameServerReport) check() error {
	if err := checkVersion(r.Version); err != nil {
		return err
	}
	if r.CountedMillis < 0 {
		return fmt.Errorf("%w: answers were counted for %d ms", ErrReport, r.CountedMillis)
	}
	classes, resolvers, rows := 0, 0, 0
	for _, s := range r.Answers {
		classes, resolvers, rows = classes+len(s.Classes), resolvers+s.resolvers(), rows+len(s.Resolvers)
		for _, a := range s.Resolvers {
			if err := a.check(); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrReport, s.Service, err)
			}
		}
		for _, c := range s.Classes {
			for site, seconds := range c.Seconds {
				if seconds < 0 || seconds > MaxAnswerSeconds {
					return fmt.Errorf("%w: %s sent clients to %s for %d s", ErrReport, s.Service, site, seconds)
				}
			}
		}
	}
	if classes > MaxAnswers {
		return fmt.Errorf("%w: answers to %d classes, the limit is %d", ErrReport, classes, MaxAnswers)
	}
	if resolvers > MaxResolvers {
		return fmt.Errorf("%w: answers to %d resolvers, the limit is %d", ErrReport, resolvers, MaxResolvers)
	}
	if rows > MaxResolverRows {
		return fmt.Errorf("%w: %d rows of resolvers, the limit is %d", ErrReport, rows, MaxResolverRows)
	}
	return nil
}

// resolvers is how many they are, each counted once for each class.
func (s ServiceAnswers) resolvers() int {
	type resolverClass struct {
		resolver netip.Addr
		class    string
	}
	counted := map[resolverClass]bool{}
	for _, a := range s.Resolvers {
		counted[resolverClass{a.Resolver, a.Class}] = true
	}
	return len(counted)
}

// check refuses above all what no map may have as a resolver: one such row would keep the hub from publishing.
func (a ResolverAnswers) check() error {
	if !gslb.Unicast(a.Resolver) {
		return fmt.Errorf("%v is no resolver's address", a.Resolver)
	}
	if a.Seconds < 0 || a.Seconds > MaxAnswerSeconds {
		return fmt.Errorf("it answered %v for %d s", a.Resolver, a.Seconds)
	}
	return nil
}

// MaxAnswerSeconds bounds one count: more than a name server can answer between two reports.
const MaxAnswerSeconds = 1 << 40

func decode(data []byte, into any) error {
	if len(data) > MaxReportBytes {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrReport, len(data), MaxReportBytes)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %w", ErrReport, err)
	}
	return nil
}

func checkVersion(version int) error {
	if version != Version {
		return fmt.Errorf("%w: version %d, this build reads %d", ErrReport, version, Version)
	}
	return nil
}

func (r SiteReport) check() error {
	if err := checkVersion(r.Version); err != nil {
		return err
	}
	if len(r.Services) > MaxServices {
		return fmt.Errorf("%w: %d services, the limit is %d", ErrReport, len(r.Services), MaxServices)
	}
	for _, s := range r.Services {
		if s.ReadyReplicas < 0 || s.DesiredReplicas < 0 {
			return fmt.Errorf("%w: %s has a negative number of replicas", ErrReport, s.Workload)
		}
		if len(s.Addresses) > MaxAddresses {
			return fmt.Errorf("%w: %s has %d addresses, the limit is %d", ErrReport, s.Workload, len(s.Addresses), MaxAddresses)
		}
	}
	return nil
}
