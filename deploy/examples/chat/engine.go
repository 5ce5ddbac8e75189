package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errBusy: every slot is taken and the queue is full.
var errBusy = errors.New("every slot is taken and the queue is full: try again soon")

// engine is what answers requests: slots with a queue before them, each with a pace of tokens and room for their state.
type engine struct {
	slots chan struct{}
	step  time.Duration // between two tokens of a slot

	mu         sync.Mutex
	queued     int
	queueLimit int
	held       int // tokens whose state is held, of prompts and answers
}

// tokensPerSlot is the room for the state of one request; the cache of all slots is slots times that.
const tokensPerSlot = 2048

func newEngine(slots, queue int, pace float64) *engine {
	return &engine{slots: make(chan struct{}, slots), queueLimit: queue, step: time.Duration(float64(time.Second) / pace)}
}

// enter waits for a slot. leave must be called once if there is no error.
func (e *engine) enter(ctx context.Context) error {
	select {
	case e.slots <- struct{}{}:
		return nil
	default:
	}
	if !e.queue(1) {
		return errBusy
	}
	defer e.queue(-1)
	select {
	case e.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// queue changes the number of those who wait, unless it would be too many.
func (e *engine) queue(n int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.queued+n > e.queueLimit {
		return false
	}
	e.queued += n
	return true
}

func (e *engine) leave() { <-e.slots }

// generate says one token after the other at the engine's pace, until they are all said, ctx ends or say fails.
func (e *engine) generate(ctx context.Context, prompt int, tokens []string, say func(string) error) error {
	e.hold(prompt)
	held := prompt
	defer func() { e.hold(-held) }()
	tick := time.NewTicker(e.step)
	defer tick.Stop()
	for _, token := range tokens {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		e.hold(1)
		held++
		if err := say(token); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) hold(tokens int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held += tokens
}

func (e *engine) running() int { return len(e.slots) }

func (e *engine) waiting() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.queued
}

// usage is the part of the cache that is held, from 0 to 1.
func (e *engine) usage() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return min(float64(e.held)/float64(cap(e.slots)*tokensPerSlot), 1)
}
