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
	waiting := make(chan Report, reportsWaiting)
	limits := &limiter{perSecond: reportsPerSecond}
	sub, err := h.nc.Subscribe(wire.Report("*"), func(msg *nats.Msg) { h.admitReport(msg, limits, waiting) })
	if err != nil {
		return fmt.Errorf("receive reports: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	if err := h.nc.FlushTimeout(answerTimeout); err != nil {
		h.cfg.Logger.Debug("reports come with the next connection", "error", err)
	}
	h.count.reportStreams.Add(1)
	for {
		select {
		case r := <-waiting:
			handle(r)
		case <-ctx.Done():
			return ctx.Err()
		case <-h.ctx.Done():
			return h.ctx.Err()
		}
	}
}

// admitReport queues a report, unless it is none, its sender sends too many, or too many wait. It comes before the
// queue, so that one member cannot fill that.
func (h *Hub) admitReport(msg *nats.Msg, limits *limiter, waiting chan<- Report) {
	now := time.Now()
	name, _, ok := wire.Sender(msg.Subject)
	member, found := h.cfg.Authority.Member(name)
	if !ok || !found || msg.Header.Get(wire.ReportHeader) == "" || !limits.allow(name, now) {
		h.count.reportsDropped.Add(1)
		return
	}
	select {
	case waiting <- Report{Sender: name, Role: member.Role, Data: msg.Data, Received: now}:
		h.count.reportsReceived.Add(1)
	default:
		h.count.reportsDropped.Add(1)
	}
}
