package devcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// patience is how long a single step of Up may take, on a slow machine that does other things too.
const patience = 3 * time.Minute

// Await polls until done says so, at most for three minutes. It fails early if the process that is waited for has
// ended; either way the error says what done said last, and how the process' log ends.
func (c *Cluster) Await(ctx context.Context, process, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %s", patience))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok && err == nil {
			return nil
		}
		if rec, recErr := c.procs.Record(process); recErr == nil && !rec.Alive() {
			return fmt.Errorf("%s ended; its log's end:\n%s", process, c.logTail(process))
		}
		select {
		case <-ctx.Done():
			return c.gaveUp(ctx, process, what, err)
		case <-tick.C:
		}
	}
}

func (c *Cluster) gaveUp(ctx context.Context, process, what string, last error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err() // the user, or another part that failed
	}
	return fmt.Errorf("waited for %s %s: %w (last: %v); its log's end:\n%s", process, what, context.Cause(ctx), last, c.logTail(process))
}

func (c *Cluster) logTail(process string) string {
	data, err := os.ReadFile(c.procs.LogPath(process))
	if err != nil {
		return "  (no log)"
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-8):], "\n  ")
}
