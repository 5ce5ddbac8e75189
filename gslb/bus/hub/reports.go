package hub

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// Report is one report as it came in.
type Report struct {
	// Sender and Role are proven by the sender's key, not taken from the report.
	Sender   string
	Role     bus.Role
	Data     []byte
	Received time.Time
}

const (
	reportsWaiting   = 4096
	reportsPerSecond = 50
)

// Reports calls handle with every report of every member, one at a time, until ctx ends; it then returns ctx's error.
// Reports that come faster than handle returns wait, 4,096 of them; then the newest are dropped and counted, as are
// those of a member that sends more than 50 a second.
func (h *Hub) Reports(ctx context.Context, handle func(Report)) error {
	waiting := make(chan *nats.Msg, reportsWaiting)
	sub, err := h.nc.ChanSubscribe(wire.Report("*"), waiting)
	if err != nil {
		return fmt.Errorf("receive reports: %w", err)
	}
	defer func() {
		if dropped, err := sub.Dropped(); err == nil && dropped > 0 {
			h.count.reportsDropped.Add(uint64(dropped))
		}
		_ = sub.Unsubscribe() // fails only on a closed connection
	}()
	limits := limiter{perSecond: reportsPerSecond}
	for {
		select {
		case msg := <-waiting:
			h.handleReport(msg, &limits, handle)
		case <-ctx.Done():
			return ctx.Err()
		case <-h.ctx.Done():
			return h.ctx.Err()
		}
	}
}

func (h *Hub) handleReport(msg *nats.Msg, limits *limiter, handle func(Report)) {
	now := time.Now()
	name, _, ok := wire.Sender(msg.Subject)
	member, found := h.cfg.Authority.Member(name)
	if !ok || !found || msg.Header.Get(wire.ReportHeader) == "" || !limits.allow(name, now) {
		h.count.reportsDropped.Add(1)
		return
	}
	h.count.reportsReceived.Add(1)
	handle(Report{Sender: name, Role: member.Role, Data: msg.Data, Received: now})
}
