package daemons

import "testing"

func TestParseBus(t *testing.T) {
	for text, want := range map[string]struct {
		bus Bus
		ok  bool
	}{
		"": {Embedded, true}, "external": {External, true}, "External": {"", false}, "tls://nats1:4222": {"", false},
	} {
		if got, err := ParseBus(text); got != want.bus || (err == nil) != want.ok {
			t.Errorf("BUS=%s: %q, %v", text, got, err)
		}
	}
}
