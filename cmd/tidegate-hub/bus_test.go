package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/bus"
)

// TestExternalBus: a NATS server of one's own is the bus. It is replaced by one with new files and an empty disk while
// the hub lives, and the hub is restarted while the bus lives.
func TestExternalBus(t *testing.T) {
	url := "tls://127.0.0.1:" + freePort(t)
	r := newRig(t, url)
	ns := natsServer(t, r.files(), "127.0.0.1")
	r.start()
	creds := r.enrol(bus.NameServer, "ns1")
	if !slices.Equal(creds.URLs, []string{url}) {
		t.Errorf("the member is told %v, want %s", creds.URLs, url)
	}
	ns1 := r.nameServer(creds)
	first := r.next(ns1)

	end(ns)
	began := time.Now()
	natsServer(t, r.files(), "127.0.0.1")
	second := r.next(ns1)
	t.Logf("the bus lost its disk: everything published again %v after it was back", time.Since(began))
	if second.Generation != first.Generation+1 || second.Digest != first.Digest {
		t.Errorf("head %+v after %+v: want the same map with the next generation", second, first)
	}

	connects := ns1.Counters().Connects
	r.stop()
	if !ns1.Connected() {
		t.Error("a member lost the bus with the hub")
	}
	r.start()
	r.record("www 300 IN A 192.0.2.80")
	third := r.next(ns1)
	if third.Generation != second.Generation+1 || third.Previous != second.Digest {
		t.Errorf("head %+v after %+v: want the next generation", third, second)
	}
	if now := ns1.Counters().Connects; now != connects {
		t.Errorf("a member connected %d times anew while the hub was restarted", now-connects)
	}
}

// TestExternalCluster: three servers are the bus; one is lost, and the hub publishes on.
func TestExternalCluster(t *testing.T) {
	port := freePort(t)
	var hosts, urls []string
	network := fmt.Sprintf("127.%d.%d.", 1+rand.IntN(200), 1+rand.IntN(200)) // other runs have their own
	for i := range 3 {
		hosts = append(hosts, network+fmt.Sprint(1+i))
		urls = append(urls, "tls://"+net.JoinHostPort(hosts[i], port))
	}
	r := newRig(t, urls...)
	files := r.files()
	first := natsServer(t, files, hosts[0])
	natsServer(t, files, hosts[1])
	natsServer(t, files, hosts[2])
	r.start()
	ns1 := r.nameServer(r.enrol(bus.NameServer, "ns1"))
	before := r.next(ns1)
	end(first)
	began := time.Now()
	r.record("www 300 IN A 192.0.2.80")
	if after := r.next(ns1); after.Generation != before.Generation+1 {
		t.Errorf("head %+v after %+v", after, before)
	}
	t.Logf("one server of three lost: the next map was taken %v later", time.Since(began))
}

func TestBusURLs(t *testing.T) {
	tests := []struct {
		value string
		want  []string
		says  string
	}{
		{"tls://nats1:4222", []string{"tls://nats1:4222"}, ""},
		{"tls://nats1:4222, tls://[2001:db8::1]:4223", []string{"tls://nats1:4222", "tls://[2001:db8::1]:4223"}, ""},
		{"nats://nats1:4222", nil, `"nats://nats1:4222" is no address of a bus: want tls://host:4222`},
		{"tls://nats1", nil, "want tls://host:4222"},
		{"tls://nats1:4222/x", nil, "want tls://host:4222"},
		{"tls://user@nats1:4222", nil, "want tls://host:4222"},
		{"nats1:4222", nil, "want tls://host:4222"},
		{"tls://nats1:4222,", nil, "want tls://host:4222"},
		{"", nil, "want tls://host:4222"},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			got, err := parseBusURLs(test.value)
			if !slices.Equal(got, test.want) || !says(err, test.says) {
				t.Errorf("got %v, %v, want %v, %q", got, err, test.want, test.says)
			}
		})
	}
}

func says(err error, text string) bool {
	return text == "" && err == nil || text != "" && err != nil && strings.Contains(err.Error(), text)
}

func TestBusServers(t *testing.T) {
	tests := []struct {
		name string
		urls []string
		want string // listen address and cluster of each
		says string
	}{
		{"none", nil, "", "give it too"},
		{"one", []string{"tls://nats1:4222"}, "0.0.0.0:4222 []", ""},
		{"one by an IPv6 address", []string{"tls://[2001:db8::1]:4222"}, "[::]:4222 []", ""},
		{"two", []string{"tls://nats1:4222", "tls://nats2:4222"}, "", "three or more"},
		{"three", []string{"tls://a:4222", "tls://b:4223", "tls://c:4224"}, "0.0.0.0:4222 [a b c] 0.0.0.0:4223 [a b c] 0.0.0.0:4224 [a b c]", ""},
		{"one host twice", []string{"tls://a:4222", "tls://b:4222", "tls://a:4223"}, "", "names a twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			servers, err := busServers(test.urls)
			var got []string
			for _, s := range servers {
				got = append(got, fmt.Sprint(s.Listen, " ", s.Cluster))
			}
			if strings.Join(got, " ") != test.want || !says(err, test.says) {
				t.Errorf("got %v, %v, want %s, %q", got, err, test.want, test.says)
			}
		})
	}
}

// TestMemberURLs: with the bus in the hub, members dial the hub.
func TestMemberURLs(t *testing.T) {
	o := options{advertise: "hub.example, 192.0.2.7", busListen: ":4222"}
	if got, err := o.memberURLs(); err != nil || !slices.Equal(got, []string{"tls://hub.example:4222", "tls://192.0.2.7:4222"}) {
		t.Errorf("the embedded bus is at %v, %v", got, err)
	}
	o.busURLs = []string{"tls://nats1:4222"}
	if got, err := o.memberURLs(); err != nil || !slices.Equal(got, o.busURLs) {
		t.Errorf("the external bus is at %v, %v", got, err)
	}
}
