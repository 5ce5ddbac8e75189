package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a server of one slot, a queue of one, and ten tokens a second.
var slow = options{model: "tide-1", site: "fra-1", slots: 1, queue: 1, pace: 10, listen: "127.0.0.1:0"}

func readyServer(o options) *server {
	s := newServer(o)
	s.setReady()
	return s
}

func ask(ctx context.Context, s *server, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body)))
	return w
}

const hello = `{"messages": [{"role": "user", "content": "When does the tide turn?"}]`

func complete(t *testing.T, s *server, more string) completion {
	t.Helper()
	w := ask(t.Context(), s, "POST", "/v1/chat/completions", hello+more+"}")
	var c completion
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	if got := w.Header().Get(siteHeader); got != s.site {
		t.Errorf("%s: %q, want %q", siteHeader, got, s.site)
	}
	return c
}

func TestCompletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, begun := readyServer(slow), time.Now()
		c := complete(t, s, "")
		content := c.Choices[0].Message.Content
		if c.Object != "chat.completion" || c.Choices[0].Message.Role != "assistant" || *c.Choices[0].FinishReason != "stop" || !strings.HasPrefix(content, "Answered at fra-1 by ") {
			t.Errorf("completion: %+v %q", c, content)
		}
		if want := (usage{PromptTokens: 5, CompletionTokens: len(strings.Fields(content)), TotalTokens: 5 + len(strings.Fields(content))}); *c.Usage != want {
			t.Errorf("usage %+v, want %+v", *c.Usage, want)
		}
		if took, want := time.Since(begun), time.Duration(c.Usage.CompletionTokens)*100*time.Millisecond; took != want {
			t.Errorf("took %v, want %v at ten tokens a second", took, want)
		}
		if again := complete(t, s, ""); again.Choices[0].Message.Content != content || again.ID == c.ID {
			t.Errorf("the same prompt: %q and %q, %s and %s", content, again.Choices[0].Message.Content, c.ID, again.ID)
		}
		short := complete(t, s, `, "max_tokens": 3`)
		if short.Choices[0].Message.Content != "Answered at fra-1" || *short.Choices[0].FinishReason != "length" {
			t.Errorf("three tokens: %+v", short.Choices[0].Message)
		}
	})
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := readyServer(slow)
		whole := complete(t, s, "").Choices[0].Message.Content
		w := ask(t.Context(), s, "POST", "/v1/chat/completions", hello+`, "stream": true, "stream_options": {"include_usage": true}}`)
		if w.Header().Get("Content-Type") != "text/event-stream" || !w.Flushed {
			t.Errorf("headers %v, flushed %t", w.Header(), w.Flushed)
		}
		said, reason, tokens := readStream(t, w.Body)
		if said != whole || reason != "stop" || tokens != len(strings.Fields(whole)) {
			t.Errorf("stream said %q (%s, %d tokens), want %q", said, reason, tokens, whole)
		}
	})
}

// readStream reads a stream to its [DONE].
func readStream(t *testing.T, r io.Reader) (said, reason string, tokens int) {
	t.Helper()
	lines, done := bufio.NewScanner(r), false
	for lines.Scan() {
		if lines.Text() == "" {
			continue
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || done {
			t.Fatalf("line %q", lines.Text())
		}
		if done = data == "[DONE]"; done {
			continue
		}
		var c completion
		if err := json.Unmarshal([]byte(data), &c); err != nil || c.Object != "chat.completion.chunk" {
			t.Fatalf("%v: %s", err, data)
		}
		for _, choice := range c.Choices {
			said += choice.Delta.Content
			if choice.FinishReason != nil {
				reason = *choice.FinishReason
			}
		}
		if c.Usage != nil {
			tokens = c.Usage.CompletionTokens
		}
	}
	if !done {
		t.Error("the stream did not end with [DONE]")
	}
	return said, reason, tokens
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := readyServer(slow)
		codes, all := make([]int, 3), sync.WaitGroup{}
		for i := range codes {
			all.Go(func() { codes[i] = ask(t.Context(), s, "POST", "/v1/chat/completions", hello+"}").Code })
			synctest.Wait()
		}
		if codes[2] != http.StatusTooManyRequests {
			t.Errorf("the third request: %d, want 429", codes[2])
		}
		gauge(t, s, "vllm:num_requests_running", "1")
		gauge(t, s, "vllm:num_requests_waiting", "1")
		time.Sleep(1050 * time.Millisecond) // ten tokens, beside the five of the prompt
		gauge(t, s, "vllm:kv_cache_usage_perc", fmt.Sprint(15.0/tokensPerSlot))
		all.Wait()
		if codes[0] != http.StatusOK || codes[1] != http.StatusOK {
			t.Errorf("codes %v", codes)
		}
		gauge(t, s, "vllm:num_requests_running", "0")
		gauge(t, s, "vllm:num_requests_waiting", "0")
		gauge(t, s, "vllm:kv_cache_usage_perc", "0")
		gauge(t, s, "chat_requests_refused_total", "1")
		gauge(t, s, "vllm:request_success_total", "2")
		gauge(t, s, "vllm:prompt_tokens_total", "10")
	})
}

// gauge compares the first value of a metric.
func gauge(t *testing.T, s *server, name, want string) {
	t.Helper()
	for line := range strings.Lines(ask(t.Context(), s, "GET", "/metrics", "").Body.String()) {
		if got, _, _ := strings.Cut(line, "{"); strings.HasPrefix(line, name+" ") || got == name {
			if fields := strings.Fields(line); fields[len(fields)-1] != want {
				t.Errorf("%s is %s, want %s", name, fields[len(fields)-1], want)
			}
			return
		}
	}
	t.Errorf("no metric %s", name)
}

func TestClientThatLeavesFreesItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := readyServer(slow)
		gone, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 { // one runs, one waits
			all.Go(func() { ask(gone, s, "POST", "/v1/chat/completions", hello+"}") })
		}
		time.Sleep(250 * time.Millisecond)
		leave()
		all.Wait()
		begun := time.Now()
		complete(t, s, `, "max_tokens": 1`)
		if took := time.Since(begun); took != 100*time.Millisecond {
			t.Errorf("the next request took %v, want no wait", took)
		}
	})
}

func TestHealth(t *testing.T) {
	s := newServer(slow)
	for _, step := range []struct {
		enter func()
		code  int
		chat  int
	}{{func() {}, 503, 503}, {s.setReady, 200, 200}, {s.setDraining, 503, 200}, {s.setReady, 503, 200}} {
		step.enter()
		if code := ask(t.Context(), s, "GET", "/healthz", "").Code; code != step.code {
			t.Errorf("state %d: health %d, want %d", s.state.Load(), code, step.code)
		}
		if code := ask(t.Context(), s, "POST", "/v1/chat/completions", hello+`, "max_tokens": 1}`).Code; code != step.chat {
			t.Errorf("state %d: chat %d, want %d", s.state.Load(), code, step.chat)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := readyServer(slow)
	for name, c := range map[string]struct {
		method, path, body string
		code               int
	}{
		"no JSON":         {"POST", "/v1/chat/completions", "{", 400},
		"no messages":     {"POST", "/v1/chat/completions", "{}", 400},
		"other model":     {"POST", "/v1/chat/completions", hello + `, "model": "gpt-9"}`, 404},
		"no tokens":       {"POST", "/v1/chat/completions", hello + `, "max_tokens": 0}`, 400},
		"content":         {"POST", "/v1/chat/completions", `{"messages": [{"content": 7}]}`, 400},
		"too large":       {"POST", "/v1/chat/completions", strings.Repeat(" ", maxBody+1), 413},
		"wrong method":    {"GET", "/v1/chat/completions", "", 405},
		"unknown path":    {"GET", "/v2", "", 404},
		"parts are taken": {"POST", "/v1/chat/completions", `{"messages": [{"content": [{"type": "text", "text": "hi"}]}], "max_tokens": 1}`, 200},
	} {
		if w := ask(t.Context(), s, c.method, c.path, c.body); w.Code != c.code || c.code == 400 && !strings.Contains(w.Body.String(), `"error":{"message":`) {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, c.code)
		}
	}
}

func TestModels(t *testing.T) {
	if got, want := ask(t.Context(), readyServer(slow), "GET", "/v1/models", "").Body.String(), `{"object":"list","data":[{"id":"tide-1","object":"model","owned_by":"tidegate"}]}`+"\n"; got != want {
		t.Errorf("models: %s, want %s", got, want)
	}
}

// Prometheus' text format: a sample is a name, labels, and a number.
var sample = regexp.MustCompile(`^[a-z0-9_:]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+$`)

func TestMetricsAreWellFormed(t *testing.T) {
	s := readyServer(options{model: "tide-1", slots: 1, pace: 10_000})
	complete(t, s, "")
	text := ask(t.Context(), s, "GET", "/metrics", "").Body.String()
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "# ") && !sample.MatchString(line) {
			t.Errorf("not a sample: %q", line)
		}
	}
	for _, want := range []string{`vllm:time_to_first_token_seconds_count{engine="0",model_name="tide-1"} 1`, `vllm:e2e_request_latency_seconds_bucket{engine="0",model_name="tide-1",le="+Inf"} 1`, `finished_reason="stop"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
}

func TestDrain(t *testing.T) {
	o := slow
	o.pace, o.notice, o.drainLimit = 50, 200*time.Millisecond, 10*time.Second
	ctx, stop := context.WithCancel(t.Context())
	at, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, o, func(a net.Addr) { at <- a }) }()
	base := "http://" + (<-at).String()
	until(t, base+"/healthz", http.StatusOK)
	answer, err := http.Post(base+"/v1/chat/completions", "application/json", strings.NewReader(hello+`, "stream": true}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	stop()
	until(t, base+"/healthz", http.StatusServiceUnavailable)
	if said, reason, _ := readStream(t, answer.Body); reason != "stop" || !strings.HasSuffix(said, "...") {
		t.Errorf("the running answer was cut: %q %s", said, reason)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func until(t *testing.T, url string, code int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if answer, err := http.Get(url); err == nil {
			answer.Body.Close()
			if answer.StatusCode == code {
				return
			}
		}
	}
	t.Fatalf("%s did not answer %d in 5 s", url, code)
}

func TestBadOptions(t *testing.T) {
	for _, o := range []options{{slots: 0, pace: 1}, {slots: 1, pace: 0}, {slots: 1, pace: 1, queue: -1}, {slots: 1, pace: 1e9}} {
		if run(t.Context(), o, nil) == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
