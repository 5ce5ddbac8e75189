package devcluster

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// report prints progress, each line with the time since the start.
type report struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

func newReport(out io.Writer) *report {
	return &report{out: out, start: time.Now()}
}

func (r *report) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "[%6.1fs] %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}
