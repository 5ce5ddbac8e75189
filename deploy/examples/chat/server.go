package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// siteHeader shows who answered, also where nobody reads the text.
const siteHeader = "X-Tidegate-Site"

// maxBody bounds a request.
const maxBody = 1 << 20

// The states of a server. Draining still answers, for a load balancer needs a moment to see it.
const (
	loading int32 = iota
	ready
	draining
)

type server struct {
	options
	engine  *engine
	metrics metrics
	state   atomic.Int32
	number  atomic.Uint64
}

func newServer(o options) *server {
	return &server{options: o, engine: newEngine(o.slots, o.queue, o.pace)}
}

func (s *server) setReady()    { s.state.CompareAndSwap(loading, ready) }
func (s *server) setDraining() { s.state.Store(draining) }

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /metrics", s.showMetrics)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(siteHeader, s.site)
		mux.ServeHTTP(w, r)
	})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	switch s.state.Load() {
	case ready:
		fmt.Fprintln(w, "ok")
	case draining:
		http.Error(w, "draining", http.StatusServiceUnavailable)
	default:
		http.Error(w, "loading", http.StatusServiceUnavailable)
	}
}

func (s *server) models(w http.ResponseWriter, _ *http.Request) {
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		OwnedBy string `json:"owned_by"`
	}
	writeJSON(w, http.StatusOK, struct {
		Object string  `json:"object"`
		Data   []model `json:"data"`
	}{"list", []model{{s.model, "model", "tidegate"}}})
}

func (s *server) chat(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	q, limit, status, err := s.read(w, r)
	if err != nil {
		refuse(w, status, err)
		return
	}
	if err := s.engine.enter(r.Context()); err != nil {
		if errors.Is(err, errBusy) {
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusTooManyRequests, err)
			s.metrics.refused()
		}
		return
	}
	defer s.engine.leave()
	s.answer(w, r, q, limit, begun)
}

// read reads and checks a request.
func (s *server) read(w http.ResponseWriter, r *http.Request) (q request, limit, status int, err error) {
	if s.state.Load() == loading {
		return q, 0, http.StatusServiceUnavailable, errors.New("the model is being loaded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return q, 0, http.StatusRequestEntityTooLarge, err
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return q, 0, http.StatusBadRequest, err
	}
	if len(q.Messages) == 0 {
		return q, 0, http.StatusBadRequest, errors.New("messages are missing")
	}
	if q.Model != "" && q.Model != s.model {
		return q, 0, http.StatusNotFound, fmt.Errorf("the model %q is not here, %q is", q.Model, s.model)
	}
	limit, err = q.limit()
	return q, limit, http.StatusBadRequest, err
}

// answer generates in a slot, and streams or collects.
func (s *server) answer(w http.ResponseWriter, r *http.Request, q request, limit int, begun time.Time) {
	prompt, promptTokens := q.prompt()
	words, cut := write(prompt, s.site, limit)
	reason := "stop"
	if cut {
		reason = "length"
	}
	c := completion{ID: fmt.Sprintf("chatcmpl-%s-%d", s.site, s.number.Add(1)), Created: begun.Unix(), Model: s.model}
	u := usage{PromptTokens: promptTokens, CompletionTokens: len(words), TotalTokens: promptTokens + len(words)}
	said := 0
	out := writer{w: w, base: c, usage: u, reason: reason}
	err := s.engine.generate(r.Context(), promptTokens, words, func(word string) error {
		if said++; said == 1 {
			s.metrics.first(time.Since(begun))
		} else {
			word = " " + word
		}
		return out.say(word, q.Stream)
	})
	if err != nil {
		s.metrics.done("abort", promptTokens, said, time.Since(begun))
		return
	}
	out.end(q)
	s.metrics.done(reason, promptTokens, said, time.Since(begun))
}

// writer writes one answer.
type writer struct {
	w      http.ResponseWriter
	base   completion
	usage  usage
	reason string
	whole  strings.Builder
	begun  bool
}

// say streams a word, or keeps it for the end.
func (o *writer) say(word string, stream bool) error {
	if !stream {
		o.whole.WriteString(word)
		return nil
	}
	delta := text{Content: word}
	if !o.begun {
		o.begun, delta.Role = true, "assistant"
		o.w.Header().Set("Content-Type", "text/event-stream")
		o.w.Header().Set("Cache-Control", "no-cache")
	}
	return o.event([]choice{{Delta: &delta}}, nil)
}

// event writes one chunk as a server-sent event and flushes it.
func (o *writer) event(choices []choice, u *usage) error {
	chunk := o.base
	chunk.Object, chunk.Choices, chunk.Usage = "chat.completion.chunk", choices, u
	data, err := json.Marshal(chunk)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(o.w, "data: %s\n\n", data); err != nil {
		return err
	}
	return http.NewResponseController(o.w).Flush()
}

// end writes what comes after the last word. A client that is gone by then misses nothing.
func (o *writer) end(q request) {
	if !q.Stream {
		o.base.Object, o.base.Usage = "chat.completion", &o.usage
		o.base.Choices = []choice{{Message: &text{Role: "assistant", Content: o.whole.String()}, FinishReason: &o.reason}}
		writeJSON(o.w, http.StatusOK, o.base)
		return
	}
	_ = o.event([]choice{{Delta: &text{}, FinishReason: &o.reason}}, nil)
	if q.StreamOptions.IncludeUsage {
		_ = o.event([]choice{}, &o.usage)
	}
	_, _ = io.WriteString(o.w, "data: [DONE]\n\n")
}

func refuse(w http.ResponseWriter, status int, err error) {
	var e apiError
	e.Error.Message, e.Error.Type = err.Error(), strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	writeJSON(w, status, e)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client went away
}
