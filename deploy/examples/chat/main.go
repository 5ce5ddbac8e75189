// Command chat is Tidegate's sample workload: a chat server that speaks the API of OpenAI, in one static binary of the
// standard library. It has no model: its text comes from a small table and the prompt, always the same for the same
// prompt. Everything around the text is real: slots, a bounded queue, a pace of tokens, streaming, health, and metrics
// under the names that vLLM gives them.
//
// deploy/examples/chat.yaml runs it; the end-to-end tests and the benchmarks of deploy/ talk to it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	listen, model, site      string
	slots, queue             int
	pace                     float64
	load, notice, drainLimit time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", ":8080", "address to listen on")
	flag.StringVar(&o.model, "model", "tide-1", "name of the model")
	flag.StringVar(&o.site, "site", os.Getenv("NODE_NAME"), "where this runs, shown in answers; the default is NODE_NAME's value")
	flag.IntVar(&o.slots, "slots", 8, "requests that are answered at the same time")
	flag.IntVar(&o.queue, "queue", 64, "requests that may wait; more are refused with 429")
	flag.Float64Var(&o.pace, "tokens-per-second", 50, "tokens per second and slot")
	flag.DurationVar(&o.load, "load", 500*time.Millisecond, "time until ready, as if a model were loaded")
	flag.DurationVar(&o.notice, "notice", 3*time.Second, "on SIGTERM: time for load balancers to see that this drains")
	flag.DurationVar(&o.drainLimit, "drain", 25*time.Second, "on SIGTERM: time for running requests to finish")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, o, nil); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func (o options) check() error {
	if o.slots < 1 || o.queue < 0 || o.pace <= 0 || o.pace > 10_000 {
		return errors.New("want at least 1 slot, no negative queue, and 0 to 10000 tokens per second")
	}
	return nil
}

// run serves until ctx ends, then drains: it says so first, takes what still comes, and waits for what runs.
func run(ctx context.Context, o options, listening func(net.Addr)) error {
	if err := o.check(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	if listening != nil {
		listening(listener.Addr())
	}
	s := newServer(o)
	ready := time.AfterFunc(o.load, s.setReady)
	defer ready.Stop()
	web := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	slog.Info("listening", "address", listener.Addr().String(), "site", o.site)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	return drain(s, web, ended, o)
}

func drain(s *server, web *http.Server, ended <-chan error, o options) error {
	s.setDraining()
	slog.Info("draining", "running", s.engine.running(), "waiting", s.engine.waiting())
	time.Sleep(o.notice)
	ctx, cancel := context.WithTimeout(context.Background(), o.drainLimit)
	defer cancel()
	err := web.Shutdown(ctx)
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
