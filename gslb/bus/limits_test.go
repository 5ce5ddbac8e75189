package bus_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/bustest"
)

// TestAskedTooOften: a member that asks without end is answered so, and another is served.
func TestAskedTooOften(t *testing.T) {
	b := bustest.Start(t)
	if err := b.Hub.PutInventory(t.Context(), "pek", []byte("pek's")); err != nil {
		t.Fatal(err)
	}
	fra, pek := raw(t, b.Enroll(bus.Site, "fra")), raw(t, b.Enroll(bus.Site, "pek"))
	answers := make(chan *nats.Msg, 10_000)
	if _, err := fra.ChanSubscribe("_INBOX.fra.x", answers); err != nil {
		t.Fatal(err)
	}
	const asked = 2000
	for range asked {
		if err := fra.PublishRequest("ask.fra.inventory", "_INBOX.fra.x", nil); err != nil {
			t.Fatal(err)
		}
	}
	if answer, err := pek.Request("ask.pek.inventory", nil, bustest.Timeout); err != nil || string(answer.Data) != "pek's" {
		t.Errorf("pek: %v, %v", answer, err)
	}
	busy := 0
	for range asked {
		if strings.Contains(take(t, answers, "answer").Header.Get("Tidegate-Error"), "too often") {
			busy++
		}
	}
	if busy == 0 {
		t.Error("every question was served")
	}
	t.Logf("%d of %d questions were refused", busy, asked)
}
