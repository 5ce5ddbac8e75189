package server

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// log writes the NATS server's log through slog. What the server calls a notice is detail to us. A member can make the
// server complain as often as it likes, so complaints above a number per second are only counted.
type log struct {
	to    *slog.Logger
	fatal *fatal

	mu      sync.Mutex
	second  int64
	written int
	left    int
}

// linesPerSecond bounds the complaints that are written.
const linesPerSecond = 20

func (l *log) Noticef(format string, v ...any) { l.to.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l *log) Warnf(format string, v ...any)   { l.complain(format, v) }
func (l *log) Errorf(format string, v ...any)  { l.complain(format, v) }
func (l *log) Debugf(format string, v ...any)  { l.to.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l *log) Tracef(format string, v ...any)  { l.to.Debug("bus: " + fmt.Sprintf(format, v...)) }

// Fatalf is what the server calls when it cannot go on, such as for a port in use. It ends nothing here.
func (l *log) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.to.Error("bus: " + text)
	l.fatal.set(text)
}

func (l *log) complain(format string, v []any) {
	left, write := l.admit(time.Now().Unix())
	if left > 0 {
		l.to.Warn("bus: complaints were left out", "lines", left)
	}
	if write {
		l.to.Warn("bus: " + fmt.Sprintf(format, v...))
	}
}

// admit says whether a line may be written in this second, and in a new one how many were left out before.
func (l *log) admit(second int64) (left int, write bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if second != l.second {
		left, l.left = l.left, 0
		l.second, l.written = second, 0
	}
	if l.written >= linesPerSecond {
		l.left++
		return left, false
	}
	l.written++
	return left, true
}

// fatal holds the first fatal message.
type fatal struct {
	mu   sync.Mutex
	text string
}

func (f *fatal) set(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.text == "" {
		f.text = text
	}
}

func (f *fatal) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.text == "" {
		return nil
	}
	return errors.New(f.text)
}
