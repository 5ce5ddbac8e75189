package tidegate

import (
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"tidegate.dev/tidegate/gslb/plan"
)

// Metrics have bounded labels: a zone that is served, a response code, a reason of the code. Never a queried name, a
// client or a subnet.
var answersTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: pluginName,
	Name:      "answers_total",
	Help:      "Answers given, by zone, response code and the rule that decided.",
}, []string{"zone", "rcode", "reason"})

func countAnswer(zone *plan.Zone, rcode int, reason string) {
	name := ""
	if zone != nil {
		name = string(zone.Name)
	}
	answersTotal.WithLabelValues(name, dns.RcodeToString[rcode], reason).Inc()
}
