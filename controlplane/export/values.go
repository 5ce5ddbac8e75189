package export

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// DefaultPlacement spreads evenly over all sites.
const DefaultPlacement = "spread"

// DefaultTTLSeconds is short enough that a client notices a dead site, and long enough that resolvers help.
const DefaultTTLSeconds = 30

const (
	maxDomains = 100
	maxPorts   = 32
)

// objectName is what Kubernetes allows as the name of an EdgePlacement or a SteeringPolicy.
var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// accelerator is a label value, such as nvidia-l4.
var accelerator = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

func (r *reader) domains(kind string) []string {
	annotation := AnnotationDomain
	value, ok := r.value(annotation)
	if !ok && kind == "Service" {
		annotation = AnnotationHostname
		value, ok = r.value(annotation)
	}
	if !ok {
		return nil
	}
	if value == "" {
		r.fail(annotation, value, "a host name such as chat.edge.example: remove the annotation, or name a host")
		return nil
	}
	var names []string
	for item := range strings.SplitSeq(value, ",") {
		name, err := gslb.ParseName(strings.TrimSpace(item))
		switch {
		case err != nil:
			r.fail(annotation, value, fmt.Sprintf("host names such as chat.edge.example, several with commas (%v)", err))
		case !slices.Contains(names, string(name)):
			names = append(names, string(name))
		}
	}
	if len(names) > maxDomains {
		r.fail(annotation, value, fmt.Sprintf("at most %d names", maxDomains))
	}
	return names
}

func (r *reader) ports(declared []v1alpha1.Port, uncarried []string) []v1alpha1.Port {
	const want = "ports such as 80:8080 or 443:8443/tcp, several with commas"
	value, ok := r.value(AnnotationPort)
	if !ok {
		switch left := strings.Join(uncarried, ", "); {
		case len(declared) == 0 && left != "":
			r.fail(AnnotationPort, "", want+"; the object declares no TCP port, and nothing else is carried: "+left)
		case len(declared) == 0:
			r.fail(AnnotationPort, "", want+"; the object declares no TCP port of its own")
		case left != "":
			r.fail(AnnotationPort, "", fmt.Sprintf("the TCP ports by name, here %s; the object also has %s, and only TCP is carried",
				annotationOf(declared), left))
		}
		return declared
	}
	var ports []v1alpha1.Port
	listens := map[int32]bool{}
	for item := range strings.SplitSeq(value, ",") {
		port, err := parsePort(strings.TrimSpace(item))
		switch {
		case err != nil:
			r.fail(AnnotationPort, value, fmt.Sprintf("%s (%v)", want, err))
		case listens[port.Listen]:
			r.fail(AnnotationPort, value, fmt.Sprintf("each port once (%d is listed twice)", port.Listen))
		}
		listens[port.Listen] = true
		ports = append(ports, port)
	}
	if len(ports) > maxPorts {
		r.fail(AnnotationPort, value, fmt.Sprintf("at most %d ports", maxPorts))
	}
	return ports
}

// annotationOf writes ports as parsePort reads them.
func annotationOf(ports []v1alpha1.Port) string {
	var list []string
	for _, p := range ports {
		text := fmt.Sprintf("%d:%d", p.Listen, p.Target)
		if p.Protocol != "http" {
			text += "/" + p.Protocol
		}
		list = append(list, text)
	}
	return strings.Join(list, ",")
}

// parsePort reads "80:8080", "443:8443/tcp" or "8080", which stands for 8080:8080.
func parsePort(s string) (v1alpha1.Port, error) {
	numbers, protocol, given := strings.Cut(s, "/")
	if !given {
		protocol = "http"
	}
	if protocol != "http" && protocol != "tcp" {
		return v1alpha1.Port{}, fmt.Errorf("protocol %q is neither http nor tcp", protocol)
	}
	first, second, two := strings.Cut(numbers, ":")
	if !two {
		second = first
	}
	listen, err := parsePortNumber(first)
	if err != nil {
		return v1alpha1.Port{}, err
	}
	target, err := parsePortNumber(second)
	return v1alpha1.Port{Listen: listen, Target: target, Protocol: protocol}, err
}

func parsePortNumber(s string) (int32, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port from 1 to 65535", s)
	}
	return int32(n), nil
}

func (r *reader) capacity() *v1alpha1.Capacity {
	value, ok := r.value(AnnotationCapacity)
	if !ok {
		return nil
	}
	capacity, err := parseCapacity(value)
	if err != nil {
		r.fail(AnnotationCapacity, value, fmt.Sprintf("requests per second of one replica, such as 12/s, by accelerator 12/s,nvidia-l4=19/s (%v)", err))
		return nil
	}
	return capacity
}

func parseCapacity(s string) (*v1alpha1.Capacity, error) {
	c := &v1alpha1.Capacity{}
	for i, item := range strings.Split(s, ",") {
		key, value, keyed := strings.Cut(strings.TrimSpace(item), "=")
		if !keyed {
			key, value = "", key
		}
		rate, err := parseRate(value)
		_, twice := c.ByAccelerator[key]
		switch {
		case err != nil:
			return nil, err
		case keyed == (i == 0):
			return nil, fmt.Errorf("the first rate is that of any replica, each further one is of an accelerator")
		case keyed && !accelerator.MatchString(key):
			return nil, fmt.Errorf("%q does not name an accelerator", key)
		case twice:
			return nil, fmt.Errorf("%s has two rates", key)
		case i == 0:
			c.RequestsPerSecond = rate
			continue
		case c.ByAccelerator == nil:
			c.ByAccelerator = map[string]resource.Quantity{}
		}
		c.ByAccelerator[key] = rate
	}
	return c, nil
}

func parseRate(s string) (resource.Quantity, error) {
	number, ok := strings.CutSuffix(strings.TrimSpace(s), "/s")
	if !ok {
		return resource.Quantity{}, fmt.Errorf("%q does not end with /s", s)
	}
	rate, err := gslb.ParseRate(number)
	if err == nil && rate == 0 {
		err = fmt.Errorf("%q leaves nothing to serve: to stop a workload, scale it to 0", s)
	}
	return Quantity(rate), err
}

// Quantity writes a rate as requests per second.
func Quantity(rate gslb.MilliRPS) resource.Quantity {
	q := *resource.NewMilliQuantity(int64(rate), resource.DecimalSI)
	_ = q.String() // fills the cached text, so that equal rates are deeply equal however they came about
	return q
}

// Rate reads requests per second, never above the highest rate there is.
func Rate(q resource.Quantity) gslb.MilliRPS {
	return gslb.MilliRPS(min(max(q.MilliValue(), 0), int64(gslb.MaxRate)))
}

func (r *reader) watermarks() *v1alpha1.Watermarks {
	value, ok := r.value(AnnotationWatermarks)
	if !ok {
		return nil
	}
	first, second, _ := strings.Cut(value, ",")
	low, err1 := strconv.Atoi(strings.TrimSpace(first))
	high, err2 := strconv.Atoi(strings.TrimSpace(second))
	if err1 != nil || err2 != nil || low < 1 || low >= high || high > 100 {
		r.fail(AnnotationWatermarks, value, "a low and a higher high mark in percent, such as 70,90")
		return nil
	}
	return &v1alpha1.Watermarks{Low: int32(low), High: int32(high)}
}

func (r *reader) placement() string {
	value, ok := r.value(AnnotationPlacement)
	if !ok {
		return DefaultPlacement
	}
	if !objectName.MatchString(value) {
		r.fail(AnnotationPlacement, value, "spread, or the name of an EdgePlacement of this namespace")
	}
	return value
}

func (r *reader) model() string {
	value, ok := r.value(AnnotationModel)
	if ok && (value == "" || len(value) > 253 || strings.ContainsAny(value, " \t\r\n")) {
		r.fail(AnnotationModel, value, "the name of a model, such as qwen3-8b, without spaces and of at most 253 characters")
	}
	return value
}

func (r *reader) ttlSeconds() int32 {
	value, ok := r.value(AnnotationTTL)
	if !ok {
		return DefaultTTLSeconds
	}
	ttl, err := time.ParseDuration(value)
	if seconds, notNumber := strconv.ParseUint(value, 10, 31); notNumber == nil {
		ttl, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || ttl < plan.MinTTL || ttl > plan.MaxTTL || ttl%time.Second != 0 {
		r.fail(AnnotationTTL, value, fmt.Sprintf("whole seconds from %v to %v, such as 30s", plan.MinTTL, plan.MaxTTL))
		return 0
	}
	return int32(ttl / time.Second)
}

func (r *reader) health() *v1alpha1.Health {
	value, ok := r.value(AnnotationHealth)
	if !ok {
		return &v1alpha1.Health{Type: string(plan.ProbeTCP)}
	}
	kind, path, hasPath := strings.Cut(value, ":")
	http := kind == string(plan.ProbeHTTP) || kind == string(plan.ProbeHTTPS)
	switch {
	case http && hasPath && strings.HasPrefix(path, "/") && !strings.ContainsAny(path, " \t\r\n"):
	case !hasPath && (kind == string(plan.ProbeTCP) || kind == string(plan.ProbeGRPC)):
	default:
		r.fail(AnnotationHealth, value, "http:/healthz or https:/healthz (any path), tcp or grpc")
		return nil
	}
	return &v1alpha1.Health{Type: kind, Path: path}
}
