package worldfile

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.yaml.in/yaml/v3"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// What a key that is left out means.
const (
	defaultTTL      = 30 * time.Second
	defaultInterval = time.Second
)

type file struct {
	Sites    []site    `yaml:"sites"`
	Zones    []zone    `yaml:"zones"`
	Services []service `yaml:"services"`
}

type site struct {
	Name     gslb.SiteID `yaml:"name"`
	Location *location   `yaml:"location"`
	Region   string      `yaml:"region"`
	Lines    []gslb.Line `yaml:"lines"`
}

type location struct {
	Lat scalar `yaml:"lat"`
	Lon scalar `yaml:"lon"`
}

type zone struct {
	Name        string   `yaml:"name"`
	Nameservers []string `yaml:"nameservers"`
	File        string   `yaml:"file"`
}

type service struct {
	Name      string     `yaml:"name"`
	Aliases   []string   `yaml:"aliases"`
	TTL       scalar     `yaml:"ttl"`
	Steering  steering   `yaml:"steering"`
	Health    *health    `yaml:"health"`
	Endpoints []endpoint `yaml:"endpoints"`
}

type health struct {
	Type     plan.ProbeType `yaml:"type"`
	Path     string         `yaml:"path"`
	Match    string         `yaml:"match"`
	Port     uint16         `yaml:"port"`
	Interval scalar         `yaml:"interval"`
}

type endpoint struct {
	Site      gslb.SiteID      `yaml:"site"`
	Capacity  scalar           `yaml:"capacity"`
	Drained   bool             `yaml:"drained"`
	address   `yaml:",inline"` // the short form, for one
	Addresses []address        `yaml:"addresses"`
}

type address struct {
	Address string      `yaml:"address"`
	Line    gslb.Line   `yaml:"line"`
	Region  plan.Region `yaml:"region"`
}

// scalar keeps a number or duration as it is written, so that no binary fraction comes between.
type scalar string

// UnmarshalYAML takes any plain value.
func (s *scalar) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: want one value here", node.Line)
	}
	*s = scalar(node.Value)
	return nil
}

// converter collects problems while it turns the file into a map.
type converter struct {
	readFile func(string) ([]byte, error)
	problems []error
}

func (c *converter) fail(path string, err error) {
	if err != nil {
		c.problems = append(c.problems, &plan.Problem{Path: path, Err: err})
	}
}

func (f file) world(readFile func(string) ([]byte, error)) (*plan.Map, error) {
	c := &converter{readFile: readFile}
	m := &plan.Map{Schema: plan.Schema}
	for i, s := range f.Sites {
		m.Sites = append(m.Sites, c.site(fmt.Sprintf("sites[%d]", i), s))
	}
	for i, z := range f.Zones {
		m.Zones = append(m.Zones, c.zone(fmt.Sprintf("zones[%d]", i), z))
	}
	for i, s := range f.Services {
		path := fmt.Sprintf("services[%d]", i)
		m.Services = append(m.Services, c.service(path, s))
		c.problems = append(c.problems, m.Services[i].Steering.Unknown(path+".steering", m.Sites))
	}
	return m, errors.Join(c.problems...)
}

func (c *converter) site(path string, s site) plan.Site {
	out := plan.Site{ID: s.Name, Region: s.Region, Lines: s.Lines}
	if s.Location == nil {
		c.fail(path+".location", errors.New("missing: give {lat: 50.11, lon: 8.68}"))
		return out
	}
	out.Location.LatMicro = c.degrees(path+".location.lat", s.Location.Lat, 90)
	out.Location.LonMicro = c.degrees(path+".location.lon", s.Location.Lon, 180)
	return out
}

func (c *converter) degrees(path string, s scalar, limit int64) int32 {
	if s == "" {
		c.fail(path, errors.New("missing: give {lat: 50.11, lon: 8.68}"))
		return 0
	}
	micro, _, err := gslb.ParseDecimal(string(s), 6)
	if err != nil {
		c.fail(path, fmt.Errorf("%q, want degrees such as 50.11", s))
		return 0
	}
	if micro > limit*1_000_000 || micro < -limit*1_000_000 {
		c.fail(path, fmt.Errorf("%s, want -%d to %d", s, limit, limit))
		return 0
	}
	return int32(micro)
}

func (c *converter) zone(path string, z zone) plan.Zone {
	out := plan.Zone{Name: c.name(path+".name", z.Name)}
	for i, ns := range z.Nameservers {
		out.Nameservers = append(out.Nameservers, c.name(fmt.Sprintf("%s.nameservers[%d]", path, i), ns))
	}
	if z.File == "" || out.Name == "" {
		return out
	}
	text, err := c.readFile(z.File)
	if err == nil && !bytes.HasSuffix(text, []byte("\n")) {
		err = fmt.Errorf("%s does not end with a line break: it is cut off, or needs one after its last record", z.File)
	}
	if err == nil {
		out.Records, err = plan.ParseRecords(out.Name, string(text), z.File)
	}
	c.fail(path+".file", err)
	return out
}

func (c *converter) name(path, s string) gslb.Name {
	name, err := gslb.ParseName(s)
	c.fail(path, err)
	return name
}

func (c *converter) service(path string, s service) plan.Service {
	out := plan.Service{
		Name: c.name(path+".name", s.Name),
		TTL:  c.duration(path+".ttl", s.TTL, defaultTTL),
	}
	out.Steering = c.steering(path+".steering", s.Steering, out.TTL)
	for i, alias := range s.Aliases {
		out.Aliases = append(out.Aliases, c.name(fmt.Sprintf("%s.aliases[%d]", path, i), alias))
	}
	if h := s.Health; h != nil {
		out.Health = &plan.Health{
			Type: h.Type, Path: h.Path, Match: h.Match, Port: h.Port,
			Interval: c.duration(path+".health.interval", h.Interval, defaultInterval),
		}
	}
	for i, e := range s.Endpoints {
		out.Endpoints = append(out.Endpoints, c.endpoint(fmt.Sprintf("%s.endpoints[%d]", path, i), e))
	}
	return out
}

func (c *converter) duration(path string, s scalar, fallback time.Duration) time.Duration {
	if s == "" {
		return fallback
	}
	d, err := time.ParseDuration(string(s))
	if err != nil {
		c.fail(path, fmt.Errorf("%q, want a duration such as 30s", s))
		return fallback
	}
	return d
}

func (c *converter) endpoint(path string, e endpoint) plan.Endpoint {
	out := plan.Endpoint{Site: e.Site, Drained: e.Drained}
	if e.Capacity == "" {
		c.fail(path+".capacity", errors.New("missing: give the requests/s that the site can carry for this service"))
	} else {
		rate, err := gslb.ParseRate(string(e.Capacity))
		c.fail(path+".capacity", err)
		out.Capacity = rate
	}
	for i, a := range c.addresses(path, e) {
		addr, err := netip.ParseAddr(a.Address)
		if err != nil {
			c.fail(fmt.Sprintf("%s.addresses[%d].address", path, i), fmt.Errorf("%q, want an IPv4 or IPv6 address", a.Address))
		}
		out.Addresses = append(out.Addresses, plan.Address{Addr: addr, Line: a.Line, Region: a.Region})
	}
	return out
}

// addresses are the endpoint's in either form.
func (c *converter) addresses(path string, e endpoint) []address {
	switch {
	case e.Address != "" && e.Addresses != nil:
		c.fail(path+".address", errors.New("give either address or addresses"))
	case e.Address != "":
		return []address{e.address}
	case e.Line != gslb.NoLine:
		c.fail(path+".line", errors.New("a line belongs to an address: give address beside it, or line within addresses"))
	case e.Region != plan.NoRegion:
		c.fail(path+".region", errors.New("a region belongs to an address: give address beside it, or region within addresses"))
	}
	return e.Addresses
}
