package site

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/signal"
	"tidegate.dev/tidegate/lbagent/lb"
)

// Workload is a bundle and where its pods are.
type Workload struct {
	work.Bundle
	Namespace string
}

// Pod is a replica as far as a load balancer cares.
type Pod struct {
	Namespace, Name, Node string
	Labels                map[string]string
	// Ready is Kubernetes' readiness of a pod that is not terminating.
	Ready bool
	Addr  netip.Addr
}

// View is what the site's cluster runs now. It is not changed once it was handed over.
type View struct {
	Pods []Pod
	// Accelerators names the accelerator of each node that has one, such as nvidia-l4.
	Accelerators map[string]string
}

// Input is everything that Plan looks at.
type Input struct {
	Workloads []Workload
	View      View
	// Sets are the load balancer's addresses; see Claims.
	Sets []AddressSet
	// Held are the claims of the last plan.
	Held Claims
}

// Outcome is what follows from an Input.
type Outcome struct {
	Config lb.Config
	Claims Claims
	// Services report every workload, in order; loads and what went wrong outside are not in them yet.
	Services []signal.ServiceReport
}

// Plan derives what the load balancer serves and what the site reports.
func Plan(in Input) Outcome {
	workloads := slices.SortedFunc(slices.Values(in.Workloads), func(a, b Workload) int { return cmp.Compare(a.Workload, b.Workload) })
	wanted := map[string][]uint16{}
	for _, w := range workloads {
		wanted[w.Workload] = listens(w)
	}
	claims, problems := claim(in.Sets, wanted, in.Held)
	out := Outcome{Claims: claims}
	for _, w := range workloads {
		ready := readyPods(w, in.View.Pods)
		addresses := claims[w.Workload].Addresses
		if len(addresses) > 0 {
			out.Config.Frontends = append(out.Config.Frontends, frontends(w, addresses, ready)...)
		}
		out.Services = append(out.Services, signal.ServiceReport{
			Workload:        w.Workload,
			DesiredReplicas: w.Replicas,
			ReadyReplicas:   len(ready),
			Accelerators:    accelerators(ready, in.View.Accelerators),
			Addresses:       addresses,
			Message:         problems[w.Workload],
		})
	}
	return out
}

func listens(w Workload) []uint16 {
	var ports []uint16
	for _, p := range w.Ports {
		ports = append(ports, p.Listen)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// readyPods are the pods of the workload that can serve, by name. A workload without a selector has none.
func readyPods(w Workload, pods []Pod) []Pod {
	var ready []Pod
	for _, p := range pods {
		if p.Ready && p.Addr.IsValid() && p.Namespace == w.Namespace && selects(w.Selector, p.Labels) {
			ready = append(ready, p)
		}
	}
	slices.SortFunc(ready, func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) })
	return ready
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return len(selector) > 0
}

// frontends are one per port that is listened on; of two with the same port the first stands.
func frontends(w Workload, addresses []netip.Addr, ready []Pod) []lb.Frontend {
	var list []lb.Frontend
	seen := map[uint16]bool{}
	for _, port := range w.Ports {
		if seen[port.Listen] {
			continue
		}
		seen[port.Listen] = true
		f := lb.Frontend{Workload: w.Workload, Addresses: addresses, Listen: port.Listen, Protocol: lb.Protocol(port.Protocol), Check: check(w.Health, port)}
		for _, pod := range ready {
			f.Servers = append(f.Servers, lb.Server{Name: pod.Name, Addr: netip.AddrPortFrom(pod.Addr, port.Target)})
		}
		list = append(list, f)
	}
	return list
}

// check asks for the path on the port that it is meant for; other ports are checked by connecting.
func check(health *plan.Health, port work.Port) lb.Check {
	if health == nil || health.Type != plan.ProbeHTTP || health.Port != 0 && health.Port != port.Target {
		return lb.Check{}
	}
	return lb.Check{HTTPPath: health.Path}
}

func accelerators(ready []Pod, ofNode map[string]string) map[string]int {
	counts := map[string]int{}
	for _, pod := range ready {
		if name := ofNode[pod.Node]; name != "" {
			counts[name]++
		}
	}
	if len(counts) == 0 {
		return nil
	}
	return counts
}

// Findings are what became known outside of Plan.
type Findings struct {
	// Problems say why a workload could not be applied, by workload.
	Problems map[string]string
	// Refused say why the load balancer does not serve a workload, by workload.
	Refused map[string]error
	// Balancer is why the load balancer as a whole could not be changed; it may well serve what it served.
	Balancer error
	Loads    map[string]signal.Load
}

// Complete adds findings to a plan's services. What the load balancer refuses has no address, so nobody is sent there.
func (f Findings) Complete(services []signal.ServiceReport) []signal.ServiceReport {
	services = slices.Clone(services)
	for i := range services {
		s := &services[i]
		messages := []string{s.Message, f.Problems[s.Workload]}
		if err := f.Refused[s.Workload]; err != nil {
			s.Addresses = nil
			messages = append(messages, err.Error())
		}
		if f.Balancer != nil {
			messages = append(messages, "load balancer: "+f.Balancer.Error())
		}
		if load, ok := f.Loads[s.Workload]; ok {
			s.Load = &load
		}
		s.Message = join(messages)
	}
	return services
}

// maxMessageBytes keeps a report of many failing workloads below the limit of a report.
const maxMessageBytes = 500

func join(messages []string) string {
	messages = slices.DeleteFunc(messages, func(m string) bool { return m == "" })
	text := strings.Join(messages, "; ")
	if len(text) > maxMessageBytes {
		return strings.ToValidUTF8(text[:maxMessageBytes], "") + " ..."
	}
	return text
}

// differ says whether two lists of services differ in more than their loads, which change every second.
func differ(a, b []signal.ServiceReport) bool {
	return !slices.EqualFunc(a, b, func(x, y signal.ServiceReport) bool {
		return x.Workload == y.Workload && x.DesiredReplicas == y.DesiredReplicas && x.ReadyReplicas == y.ReadyReplicas &&
			maps.Equal(x.Accelerators, y.Accelerators) && slices.Equal(x.Addresses, y.Addresses) && x.Message == y.Message &&
			serversUp(x) == serversUp(y)
	})
}

// serversUp is compared too: a server that its checks call dead is news. -1 is not measured.
func serversUp(s signal.ServiceReport) int64 {
	if s.Load == nil || s.Load.ServersUp == nil {
		return -1
	}
	return *s.Load.ServersUp
}

// CheckSets says whether address sets can be served at all.
func CheckSets(sets []AddressSet) error {
	if len(sets) == 0 {
		return fmt.Errorf("no address for the load balancer: give at least one -address")
	}
	seen := map[netip.Addr]bool{}
	for _, set := range sets {
		if len(set) == 0 || len(set) > signal.MaxAddresses/2 {
			return fmt.Errorf("a set of %d addresses, want 1 to %d", len(set), signal.MaxAddresses/2)
		}
		for _, addr := range set {
			if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" || addr.Is4In6() || seen[addr] {
				return fmt.Errorf("address %s cannot be used or is given twice: want an address of this machine that clients reach", addr)
			}
			seen[addr] = true
		}
	}
	return nil
}
