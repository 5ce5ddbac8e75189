package hub

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// loadBalancers writes the canonical name into the status of exported Services of type LoadBalancer, where a cloud's load
// balancer writes its own: kubectl then shows it as EXTERNAL-IP. What another load balancer wrote stays.
func (t *exportTable) loadBalancers(out *Outputs, next map[gslb.Name]*plan.Service) {
	served := map[string]gslb.Name{}
	for _, e := range t.list {
		if e.kind == "Service" && next[e.ruling.Canonical] != nil {
			served[e.sourceKey()] = e.ruling.Canonical
		}
	}
	for _, s := range byName(t.in.Services) {
		if s.Spec.Type != corev1.ServiceTypeLoadBalancer || s.Spec.LoadBalancerClass != nil || !alive(&s.ObjectMeta) {
			continue
		}
		have := s.Status.LoadBalancer.Ingress
		want := ingress(served[s.Namespace+"/Service/"+s.Name])
		if (len(have) == 0 || ingressIsOurs(s)) && !equality.Semantic.DeepEqual(have, want) {
			status := corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: want}}
			out.Services = append(out.Services, &corev1.Service{ObjectMeta: s.ObjectMeta, Status: status})
		}
	}
}

func ingress(canonical gslb.Name) []corev1.LoadBalancerIngress {
	if canonical == "" {
		return nil
	}
	return []corev1.LoadBalancerIngress{{Hostname: strings.TrimSuffix(string(canonical), ".")}}
}

// ingressIsOurs says that a Service's ingress is a canonical name of it, perhaps in an export zone of before.
func ingressIsOurs(s *corev1.Service) bool {
	have := s.Status.LoadBalancer.Ingress
	return len(have) == 1 && have[0].IP == "" && strings.HasPrefix(have[0].Hostname, s.Name+"."+s.Namespace+".")
}
