package server

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// log writes the NATS server's log through slog. What the server calls a notice is detail to us.
type log struct {
	to    *slog.Logger
	fatal *fatal
}

func (l *log) Noticef(format string, v ...any) { l.to.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l *log) Warnf(format string, v ...any)   { l.to.Warn("bus: " + fmt.Sprintf(format, v...)) }
func (l *log) Errorf(format string, v ...any)  { l.to.Warn("bus: " + fmt.Sprintf(format, v...)) }
func (l *log) Debugf(format string, v ...any)  { l.to.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l *log) Tracef(format string, v ...any)  { l.to.Debug("bus: " + fmt.Sprintf(format, v...)) }

// Fatalf is what the server calls when it cannot go on, such as for a port in use. It ends nothing here.
func (l *log) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.to.Error("bus: " + text)
	l.fatal.set(text)
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
