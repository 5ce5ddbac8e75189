package hub

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// asksPerSecond bounds what one member may ask; a map of 64 MiB is 86 questions.
const asksPerSecond = 500

// answerTimeout bounds the work for one question.
const answerTimeout = 5 * time.Second

// question is what a member asked. Its name is proven: only that member may publish on the subject.
type question struct {
	name   string
	member authority.Member
	data   []byte
}

// operations are what each role may ask. The permission templates say the same; this is the second lock.
var operations = map[bus.Role]map[wire.Operation]func(*Hub, context.Context, question) *nats.Msg{
	bus.Site:       {wire.Renew: (*Hub).askRenew, wire.Inventory: (*Hub).askInventory, wire.Bundle: (*Hub).askBundle},
	bus.NameServer: {wire.Renew: (*Hub).askRenew, wire.Head: (*Hub).askHead, wire.Object: (*Hub).askMap, wire.Table: (*Hub).askTable},
}

// answerAll answers questions until the hub closes.
func (h *Hub) answerAll(asks <-chan *nats.Msg) {
	for {
		select {
		case msg := <-asks:
			h.answer(msg)
		case <-h.ctx.Done():
			return
		}
	}
}

func (h *Hub) answer(msg *nats.Msg) {
	h.count.asks.Add(1)
	name, op, ok := wire.Sender(msg.Subject)
	// A member could name another's inbox, and the hub may publish there.
	if !ok || !strings.HasPrefix(msg.Reply, wire.InboxPrefix(name)+".") {
		h.count.asksRefused.Add(1)
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, answerTimeout)
	defer cancel()
	reply := h.reply(ctx, name, wire.Operation(op), msg.Data)
	reply.Subject = msg.Reply
	if err := h.nc.PublishMsg(reply); err != nil {
		h.cfg.Logger.Debug("an answer was not sent", "member", name, "error", err)
	}
}

func (h *Hub) reply(ctx context.Context, name string, op wire.Operation, data []byte) *nats.Msg {
	if !h.limits.allow(name, time.Now()) {
		h.count.asksRefused.Add(1)
		return fault(wire.ErrBusy)
	}
	member, found := h.cfg.Authority.Member(name)
	serve := operations[member.Role][op]
	if !found || serve == nil {
		h.count.asksRefused.Add(1)
		return fault(wire.ErrRefused)
	}
	return serve(h, ctx, question{name, member, data})
}

func (h *Hub) askRenew(_ context.Context, q question) *nats.Msg {
	fresh, err := h.cfg.Authority.Renew(q.name, q.member.Key, time.Now())
	if err != nil {
		return h.faultOf(q, err)
	}
	h.count.renewals.Add(1)
	return &nats.Msg{Data: []byte(fresh)}
}

func (h *Hub) askHead(ctx context.Context, q question) *nats.Msg {
	signed, _, err := h.Head(ctx)
	if err != nil {
		return h.faultOf(q, err)
	}
	return &nats.Msg{Data: signed}
}

func (h *Hub) askMap(ctx context.Context, q question) *nats.Msg { return h.askObject(ctx, q, &h.maps) }

func (h *Hub) askTable(ctx context.Context, q question) *nats.Msg {
	return h.askObject(ctx, q, &h.tables)
}

func (h *Hub) askObject(ctx context.Context, q question, from *shelf) *nats.Msg {
	var request wire.ObjectRequest
	if err := json.Unmarshal(q.data, &request); err != nil {
		return fault(wire.ErrRefused)
	}
	data, err := h.object(ctx, from, request.Digest)
	if err != nil {
		return h.faultOf(q, err)
	}
	if request.Offset < 0 || request.Offset >= len(data) {
		return fault(wire.ErrRefused)
	}
	answer := nats.NewMsg("")
	answer.Header.Set(wire.SizeHeader, strconv.Itoa(len(data)))
	answer.Data = data[request.Offset:min(len(data), request.Offset+wire.ChunkBytes)]
	return answer
}

func (h *Hub) askInventory(ctx context.Context, q question) *nats.Msg {
	data, err := h.Inventory(ctx, q.name)
	if err != nil {
		return h.faultOf(q, err)
	}
	return &nats.Msg{Data: data}
}

func (h *Hub) askBundle(ctx context.Context, q question) *nats.Msg {
	data, err := h.getWork(ctx, bundleKey(q.name, string(q.data)))
	if err != nil {
		return h.faultOf(q, err)
	}
	return &nats.Msg{Data: data}
}

// faultOf says no more than that there is none, or that it did not work.
func (h *Hub) faultOf(q question, err error) *nats.Msg {
	if errors.Is(err, ErrNotFound) {
		return fault(wire.ErrNone)
	}
	if errors.Is(err, authority.ErrUnknownMember) {
		return fault(wire.ErrRefused)
	}
	h.cfg.Logger.Warn("a member's question was not answered", "member", q.name, "error", err)
	return fault(wire.ErrFailed)
}

func fault(text string) *nats.Msg {
	msg := nats.NewMsg("")
	msg.Header.Set(wire.ErrorHeader, text)
	return msg
}

// limiter counts what each member sent in this second.
type limiter struct {
	perSecond int

	mu     sync.Mutex
	second int64
	counts map[string]int
}

func (l *limiter) allow(name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := now.Unix(); second != l.second || l.counts == nil {
		l.second, l.counts = second, map[string]int{}
	}
	l.counts[name]++
	return l.counts[name] <= l.perSecond
}
