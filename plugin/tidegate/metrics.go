package tidegate

import (
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"tidegate.dev/tidegate/gslb/node"
	"tidegate.dev/tidegate/gslb/steer"
)

// Metrics have bounded labels: a zone that is served, a response code, a reason of the code. Never a queried name, a
// client or a subnet.
var answersTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: pluginName,
	Name:      "answers_total",
	Help:      "Answers given, by zone, response code and the rule that decided.",
}, []string{"zone", "rcode", "reason"})

// nodeCollector tells what the node behind the plugin serves and refuses. One is registered per process; after a reload
// it speaks for the new node.
type nodeCollector struct {
	node atomic.Pointer[node.Node]
}

var (
	generationDesc = prometheus.NewDesc(metricName("map_generation"), "Generation of the map that is served; 0 before the first.", nil, nil)
	servedDesc     = prometheus.NewDesc(metricName("map_served_timestamp_seconds"), "When the map that is served was swapped in.", nil, nil)
	downDesc       = prometheus.NewDesc(metricName("addresses_down"), "Addresses that the probes of this name server call down.", nil, nil)
	refusedDesc    = prometheus.NewDesc(metricName("maps_refused_total"), "Maps and world files that were refused, by reason.", []string{"reason"}, nil)

	geoTimeDesc    = prometheus.NewDesc(metricName("geo_data_timestamp_seconds"), "When the oldest data of the geo table in use was made; absent if no source says.", nil, nil)
	geoInfoDesc    = prometheus.NewDesc(metricName("geo_table_info"), "The geo table in use: its digest, what it was made of, and where it came from.", []string{"digest", "source", "from"}, nil)
	geoUnknownDesc = prometheus.NewDesc(metricName("geo_unknown_sites"), "Sites that the geo table has round-trip times to and the map does not have.", nil, nil)
	geoReloadsDesc = prometheus.NewDesc(metricName("geo_reloads_total"), "Geo tables that were offered since the start, by what became of them.", []string{"result"}, nil)
)

func metricName(name string) string {
	return prometheus.BuildFQName(plugin.Namespace, pluginName, name)
}

// observed is the collector of this process.
var observed = func() *nodeCollector {
	c := &nodeCollector{}
	prometheus.MustRegister(c)
	return c
}()

// Describe implements prometheus.Collector.
func (c *nodeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{generationDesc, servedDesc, downDesc, refusedDesc, geoTimeDesc, geoInfoDesc, geoUnknownDesc, geoReloadsDesc} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *nodeCollector) Collect(ch chan<- prometheus.Metric) {
	n := c.node.Load()
	if n == nil {
		return
	}
	s := n.Status()
	ch <- prometheus.MustNewConstMetric(generationDesc, prometheus.GaugeValue, float64(s.Generation))
	ch <- prometheus.MustNewConstMetric(downDesc, prometheus.GaugeValue, float64(len(s.Down)))
	if !s.ServedSince.IsZero() {
		ch <- prometheus.MustNewConstMetric(servedDesc, prometheus.GaugeValue, float64(s.ServedSince.UnixMilli())/1000)
	}
	for _, reason := range node.RefusedReasons() {
		ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(s.Refused[reason]), reason)
	}
	collectGeo(ch, s.GeoStatus)
}

func collectGeo(ch chan<- prometheus.Metric, s node.GeoStatus) {
	source := strings.ToValidUTF8(s.GeoSource, "?") // it is made of file names
	ch <- prometheus.MustNewConstMetric(geoInfoDesc, prometheus.GaugeValue, 1, s.GeoDigest, source, string(s.GeoFrom))
	ch <- prometheus.MustNewConstMetric(geoUnknownDesc, prometheus.GaugeValue, float64(s.GeoUnknownSites))
	if !s.GeoDate.IsZero() {
		ch <- prometheus.MustNewConstMetric(geoTimeDesc, prometheus.GaugeValue, float64(s.GeoDate.Unix()))
	}
	for _, result := range node.GeoResults() {
		ch <- prometheus.MustNewConstMetric(geoReloadsDesc, prometheus.CounterValue, float64(s.GeoReloads[result]), result)
	}
}

// answerReason says what decided an answer: one of steer's reasons, or one of these.
type answerReason uint8

const (
	byStatic answerReason = iota + answerReason(steer.NoEndpoint) + 1
	byANY
	byRefusal
	answerReasons
)

func (r answerReason) String() string {
	if r < byStatic {
		return steer.Reason(r).String()
	}
	return [...]string{"static", "any", "refused"}[r-byStatic]
}

// rcodes is more than the largest response code that the plugin gives.
const rcodes = dns.RcodeRefused + 1

// answerCounters are the counters of one zone. Each is looked up, under the vector's lock, at its first answer only: the
// query path takes no lock.
type answerCounters struct {
	zone     string
	counters [answerReasons][rcodes]atomic.Pointer[prometheus.Counter]
}

// outside counts the answers for names in none of the zones.
var outside answerCounters

func (c *answerCounters) count(rcode int, reason answerReason) {
	slot := &c.counters[reason][rcode]
	counter := slot.Load()
	if counter == nil {
		fresh := answersTotal.WithLabelValues(c.zone, dns.RcodeToString[rcode], reason.String())
		counter = &fresh
		slot.Store(counter)
	}
	(*counter).Inc()
}
