package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// metrics counts what was done. The gauges come from the engine when they are asked for.
type metrics struct {
	mu         sync.Mutex
	prompt     uint64
	generated  uint64
	turnedAway uint64
	finished   map[string]uint64
	toFirst    histogram
	whole      histogram
}

// histogram counts durations up to each of bounds, in seconds.
type histogram struct {
	counts []uint64
	sum    float64
	count  uint64
}

var bounds = []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

func (h *histogram) add(d time.Duration) {
	if h.counts == nil {
		h.counts = make([]uint64, len(bounds))
	}
	seconds := d.Seconds()
	h.sum += seconds
	h.count++
	for i, bound := range bounds {
		if seconds <= bound {
			h.counts[i]++
		}
	}
}

func (m *metrics) refused() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turnedAway++
}

func (m *metrics) first(after time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.toFirst.add(after)
}

func (m *metrics) done(reason string, prompt, generated int, after time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.finished == nil {
		m.finished = map[string]uint64{}
	}
	m.finished[reason]++
	m.prompt += uint64(prompt)
	m.generated += uint64(generated)
	m.whole.add(after)
}

// showMetrics writes the Prometheus text format. The names are those of vLLM 0.10 (its V1 engine), so that whatever reads
// vLLM reads this.
func (s *server) showMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	x := exposition{w: w, model: s.model}
	x.value("num_requests_running", "gauge", "Requests that are being answered.", float64(s.engine.running()))
	x.value("num_requests_waiting", "gauge", "Requests that wait for a slot.", float64(s.engine.waiting()))
	x.value("kv_cache_usage_perc", "gauge", "Part of the cache that is held; 1 is all of it.", s.engine.usage())
	s.metrics.show(x)
}

func (m *metrics) show(x exposition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x.value("prompt_tokens_total", "counter", "Tokens of prompts.", float64(m.prompt))
	x.value("generation_tokens_total", "counter", "Tokens that were generated.", float64(m.generated))
	x.head("request_success_total", "counter", "Requests that ended, by reason.")
	for _, reason := range slices.Sorted(maps.Keys(m.finished)) {
		x.line("request_success_total", fmt.Sprintf(",finished_reason=%q", reason), float64(m.finished[reason]))
	}
	x.histogram("time_to_first_token_seconds", "Time to the first token.", m.toFirst)
	x.histogram("e2e_request_latency_seconds", "Time to the last token.", m.whole)
	fmt.Fprintf(x.w, "# HELP chat_requests_refused_total Requests for which there was no room.\n# TYPE chat_requests_refused_total counter\nchat_requests_refused_total %d\n", m.turnedAway)
}

// exposition writes metrics in Prometheus' text format.
type exposition struct {
	w     io.Writer
	model string
}

func (x exposition) head(name, kind, help string) {
	fmt.Fprintf(x.w, "# HELP vllm:%s %s\n# TYPE vllm:%s %s\n", name, help, name, kind)
}

func (x exposition) line(name, labels string, value float64) {
	fmt.Fprintf(x.w, "vllm:%s{engine=\"0\",model_name=%q%s} %v\n", name, x.model, labels, value)
}

func (x exposition) value(name, kind, help string, value float64) {
	x.head(name, kind, help)
	x.line(name, "", value)
}

func (x exposition) histogram(name, help string, h histogram) {
	x.head(name, "histogram", help)
	for i, bound := range bounds {
		count := uint64(0)
		if h.counts != nil {
			count = h.counts[i]
		}
		x.line(name+"_bucket", fmt.Sprintf(",le=\"%v\"", bound), float64(count))
	}
	x.line(name+"_bucket", `,le="+Inf"`, float64(h.count))
	x.line(name+"_sum", "", h.sum)
	x.line(name+"_count", "", float64(h.count))
}
