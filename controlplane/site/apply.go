package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tidegate.dev/tidegate/gslb/plan"
)

// When the applier does what it did before: after a failure soon, else to undo what somebody changed at the site.
const (
	retryInterval  = 2 * time.Second
	resyncInterval = time.Minute
	applyTimeout   = 10 * time.Second
)

// ErrRefused: the cluster answered, and will not take the object as it is. Trying again soon is of no use.
var ErrRefused = errors.New("the site's cluster refuses it")

// applier brings the cluster to what the desk holds.
type applier struct {
	cluster Cluster
	keep    Keep
	log     *slog.Logger
	done    func() // a pass has ended
	wake    chan struct{}

	// Of the goroutine that runs it.
	applied []Applied
	fresh   map[string]plan.Digest // bundles that the cluster has taken since the last resync, by key
	resync  time.Time

	mu       sync.Mutex
	revision uint64
	problems map[string]string
	trouble  trouble
}

// trouble is why the cluster does not take work, and since when.
type trouble struct {
	err   error
	since time.Time
}

// next is the trouble after another attempt: it is as old as the first that failed.
func (t trouble) next(err error, now time.Time) trouble {
	switch {
	case err == nil:
		return trouble{}
	case t.err == nil:
		return trouble{err, now}
	}
	return trouble{err, t.since}
}

// text does not change while the trouble lasts: a report leaves with every change.
func (t trouble) text() string {
	if t.err == nil {
		return ""
	}
	return fmt.Sprintf("since %s the site's cluster does not take its work: %v", t.since.UTC().Format(time.RFC3339), t.err)
}

// state is the revision that the cluster was brought to, and what went wrong with which workload.
func (a *applier) state() (revision uint64, problems map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.revision, a.problems
}

// failing is why the cluster does not take work, empty if it does.
func (a *applier) failing() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.trouble.text()
}

// tried notes what an attempt came to and returns what to say of it.
func (a *applier) tried(err error) string {
	if errors.Is(err, ErrRefused) {
		return err.Error()
	}
	a.mu.Lock()
	a.trouble = a.trouble.next(err, time.Now())
	text, told := a.trouble.text(), a.trouble.err != nil
	a.mu.Unlock()
	if told {
		a.done()
	}
	return text
}

// run applies until ctx ends: when woken, after a failure, and once a minute.
func (a *applier) run(ctx context.Context, desired func() (Desired, error)) {
	a.load(ctx)
	for {
		wait := resyncInterval
		if d, _ := desired(); d.Inventory.Revision > 0 && !a.pass(ctx, d, time.Now()) {
			wait = retryInterval
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-a.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// load reads what was applied. Where that was never recorded, or is lost, the cluster is asked what is ours.
func (a *applier) load(ctx context.Context) {
	list, known, err := a.keep.LoadApplied()
	if err != nil {
		a.log.Warn("the record of applied objects is lost", "error", err)
	}
	for !known && ctx.Err() == nil {
		if list, err = a.cluster.Owned(ctx); err == nil {
			known = true
			continue
		}
		a.log.Warn("the cluster does not say what runs on it", "error", err)
		a.tried(err)
		select {
		case <-ctx.Done():
		case <-time.After(retryInterval):
		}
	}
	a.applied = list
}

// pass applies everything once and removes what is left over. It returns false if trying again soon may help.
func (a *applier) pass(ctx context.Context, d Desired, now time.Time) bool {
	if now.Sub(a.resync) >= resyncInterval {
		a.fresh, a.resync = map[string]plan.Digest{}, now
	}
	// What is removed is not fresh any more: the same bundle may come back, and is then applied anew.
	maps.DeleteFunc(a.fresh, func(key string, _ plan.Digest) bool { _, listed := d.Inventory.Bundles[key]; return !listed })
	problems, again, answered := map[string]string{}, false, len(d.Bundles) == 0
	desired := map[string][]Object{}
	for _, key := range slices.Sorted(maps.Keys(d.Inventory.Bundles)) {
		b, ok := d.Bundles[key]
		if !ok {
			problems[key] = "its manifests are lost here and are fetched again once the bus is back"
			continue
		}
		list, _ := objects(b) // decodeBundle has checked them
		desired[key] = list
		err := a.bundle(ctx, key, d.Inventory.Bundles[key], list)
		answered = answered || err == nil || errors.Is(err, ErrRefused)
		if err != nil {
			problems[key] = a.tried(err)
			again = again || !errors.Is(err, ErrRefused)
		}
	}
	if err := a.prune(ctx, d, desired); err != nil {
		a.log.Warn("what is left over was not removed", "error", err)
		a.tried(err)
		again = true
	}
	if !again {
		a.tried(nil)
	}
	a.finish(d, problems, answered)
	return !again
}

// finish tells what the pass came to. If the cluster answered at all the work counts as applied, and what did not work is
// reported per workload.
func (a *applier) finish(d Desired, problems map[string]string, answered bool) {
	a.mu.Lock()
	if answered {
		a.revision = d.Inventory.Revision
	}
	a.problems = problems
	a.mu.Unlock()
	a.done()
}

// bundle applies the objects of one bundle in their order, unless the cluster has taken exactly them already.
func (a *applier) bundle(ctx context.Context, key string, digest plan.Digest, list []Object) error {
	if a.fresh[key] == digest {
		return nil
	}
	applied, grown := record(a.applied, key, list)
	if grown {
		if err := a.keep.SaveApplied(applied); err != nil {
			return err
		}
		a.applied = applied
	}
	for _, o := range list {
		if err := a.applyOne(ctx, o); err != nil {
			return err
		}
	}
	a.fresh[key] = digest
	return nil
}

// applyOne bounds the wait for a cluster that takes requests and answers none.
func (a *applier) applyOne(ctx context.Context, o Object) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	return a.cluster.Apply(ctx, o)
}

// prune deletes leftovers and forgets them. With a part of the work unknown nothing is left over.
func (a *applier) prune(ctx context.Context, d Desired, desired map[string][]Object) error {
	if !d.complete() {
		return nil
	}
	var problems []error
	gone := map[Applied]bool{}
	for _, o := range leftovers(a.applied, desired) {
		if slices.Contains(keptForEver, o.Kind) {
			gone[o] = true
			continue
		}
		if err := a.cluster.Delete(ctx, o.Ref); err != nil {
			problems = append(problems, err)
			continue
		}
		a.log.Info("removed", "object", o.Ref.String(), "workload", o.Key)
		gone[o] = true
	}
	if len(gone) > 0 {
		a.applied = slices.DeleteFunc(a.applied, func(o Applied) bool { return gone[o] })
		problems = append(problems, a.keep.SaveApplied(a.applied))
	}
	return errors.Join(problems...)
}
