package bus_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/bustest"
	"tidegate.dev/tidegate/gslb/bus/hub"
)

// rawConnect connects as a hostile member would: with its credentials and no regard for what bus.Member does.
func rawConnect(creds bus.Credentials) (*nats.Conn, error) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(creds.CA))
	key, err := nkeys.FromSeed([]byte(creds.Seed))
	if err != nil {
		return nil, err
	}
	return nats.Connect(creds.URLs[0],
		nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}), nats.NoReconnect(),
		nats.CustomInboxPrefix("_INBOX."+creds.Name), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
		nats.UserJWT(func() (string, error) { return creds.JWT, nil }, key.Sign))
}

func raw(t *testing.T, creds bus.Credentials) *nats.Conn {
	t.Helper()
	nc, err := rawConnect(creds)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// refused says whether the server answered the last operation with a permission violation.
func refused(t *testing.T, nc *nats.Conn, verb, subject string) bool {
	t.Helper()
	if err := nc.Flush(); err != nil { // what the server says comes before the end of the flush
		t.Fatal(err)
	}
	err := nc.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), fmt.Sprintf("%s to %q", verb, subject))
}

// TestPermissionTable tries every subject that matters as each role: fra is a site, ns1 a name server.
func TestPermissionTable(t *testing.T) {
	b := bustest.Start(t)
	b.Enroll(bus.Site, "pek")
	b.Enroll(bus.NameServer, "ns2")
	site, ns := raw(t, b.Enroll(bus.Site, "fra")), raw(t, b.Enroll(bus.NameServer, "ns1"))
	for _, c := range []struct {
		subject                        string
		sitePub, siteSub, nsPub, nsSub bool
	}{
		// Signals: each its own.
		{"sig.fra.report", true, false, false, false},
		{"sig.fra.rtt.v4", true, false, false, false},
		{"sig.ns1.report", false, false, true, false},
		{"sig.pek.report", false, false, false, false},
		{"sig.fra", false, false, false, false},
		{"sig.*.report", false, false, false, false},
		{"sig.>", false, false, false, false},
		// Questions: each its own, and those of its role.
		{"ask.fra.renew", true, false, false, false},
		{"ask.fra.inventory", true, false, false, false},
		{"ask.fra.bundle", true, false, false, false},
		{"ask.fra.head", false, false, false, false},
		{"ask.fra.object", false, false, false, false},
		{"ask.fra.table", false, false, false, false},
		{"ask.fra.other", false, false, false, false},
		{"ask.ns1.renew", false, false, true, false},
		{"ask.ns1.head", false, false, true, false},
		{"ask.ns1.object", false, false, true, false},
		{"ask.ns1.table", false, false, true, false},
		{"ask.ns1.inventory", false, false, false, false},
		{"ask.pek.renew", false, false, false, false},
		{"ask.pek.inventory", false, false, false, false},
		{"ask.pek.bundle", false, false, false, false},
		{"ask.ns2.renew", false, false, false, false},
		{"ask.ns2.table", false, false, false, false},
		{"ask.>", false, false, false, false},
		// Notes: nobody but the hub writes them; each role reads its own.
		{"note.map", false, false, false, true},
		{"note.work.fra", false, true, false, false},
		{"note.work.pek", false, false, false, false},
		{"note.work.*", false, false, false, false},
		{"note.>", false, false, false, false},
		// Answers: each its own.
		{"_INBOX.fra.x", false, true, false, false},
		{"_INBOX.ns1.x", false, false, false, true},
		{"_INBOX.pek.x", false, false, false, false},
		{"_INBOX.ns2.>", false, false, false, false},
		{"_INBOX.*.x", false, false, false, false},
		{"_INBOX.>", false, false, false, false},
		{"_HUB.x", false, false, false, false},
		{"_HUB.>", false, false, false, false},
		// What the bus holds: the hub's alone, for writing and reading.
		{"$KV.map.head", false, false, false, false},
		{"$KV.work.fra.inventory", false, false, false, false},
		{"$KV.work.pek.inventory", false, false, false, false},
		{"$KV.>", false, false, false, false},
		{"$O.maps.M.x", false, false, false, false},
		{"$O.maps.C.x", false, false, false, false},
		{"$O.geo.M.x", false, false, false, false},
		{"$O.geo.C.x", false, false, false, false},
		{"$O.>", false, false, false, false},
		// JetStream's API would answer to wherever a request says.
		{"$JS.API.INFO", false, false, false, false},
		{"$JS.API.STREAM.LIST", false, false, false, false},
		{"$JS.API.STREAM.DELETE.KV_map", false, false, false, false},
		{"$JS.API.STREAM.PURGE.KV_work", false, false, false, false},
		{"$JS.API.STREAM.MSG.GET.KV_work", false, false, false, false},
		{"$JS.API.DIRECT.GET.KV_map.$KV.map.head", false, false, false, false},
		{"$JS.API.DIRECT.GET.KV_work.$KV.work.fra.inventory", false, false, false, false},
		{"$JS.API.CONSUMER.CREATE.KV_work", false, false, false, false},
		{"$JS.API.STREAM.MSG.GET.OBJ_geo", false, false, false, false},
		{"$JS.API.STREAM.PURGE.OBJ_geo", false, false, false, false},
		{"$JS.API.STREAM.DELETE.OBJ_geo", false, false, false, false},
		{"$JS.API.>", false, false, false, false},
		{"$JS.ACK.x", false, false, false, false},
		{"$JS.EVENT.>", false, false, false, false},
		// The servers.
		{"$SYS.REQ.CLAIMS.UPDATE", false, false, false, false},
		{"$SYS.REQ.SERVER.PING", false, false, false, false},
		{"$SYS.REQ.USER.INFO", false, false, false, false},
		{"$SYS.ACCOUNT.>", false, false, false, false},
		{"$SYS.>", false, false, false, false},
		{">", false, false, false, false},
		{"anything", false, false, false, false},
	} {
		checkCell(t, "site", site, c.subject, c.sitePub, c.siteSub)
		checkCell(t, "nameserver", ns, c.subject, c.nsPub, c.nsSub)
	}
}

func checkCell(t *testing.T, role string, nc *nats.Conn, subject string, mayPublish, maySubscribe bool) {
	t.Helper()
	if !strings.ContainsAny(subject, "*>") {
		if err := nc.Publish(subject, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if got := !refused(t, nc, "Publish", subject); got != mayPublish {
			t.Errorf("%s may publish on %s: %v, want %v", role, subject, got, mayPublish)
		}
	}
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	if got := !refused(t, nc, "Subscription", subject); got != maySubscribe {
		t.Errorf("%s may subscribe to %s: %v, want %v", role, subject, got, maySubscribe)
	}
	_ = sub.Unsubscribe()
}

// TestAnswersReachTheAskerOnly: a member may name any reply subject, and the hub may publish on many.
func TestAnswersReachTheAskerOnly(t *testing.T) {
	b := bustest.Start(t)
	if err := b.Hub.PutInventory(t.Context(), "fra", []byte("fra's")); err != nil {
		t.Fatal(err)
	}
	fra, pek := raw(t, b.Enroll(bus.Site, "fra")), raw(t, b.Enroll(bus.Site, "pek"))
	victim, err := pek.SubscribeSync("_INBOX.pek.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := pek.Flush(); err != nil {
		t.Fatal(err)
	}
	targets := []string{"_INBOX.pek.x", "$KV.work.pek.inventory", "sig.pek.report", "note.work.pek", "_INBOX.frankfurt.x"}
	for _, reply := range targets {
		if err := fra.PublishRequest("ask.fra.inventory", reply, nil); err != nil {
			t.Fatal(err)
		}
	}
	own, err := fra.Request("ask.fra.inventory", nil, bustest.Timeout)
	if err != nil || string(own.Data) != "fra's" {
		t.Fatalf("fra's own question: %v, %v", own, err)
	}
	eventually(t, "the hub refuses the others", func() bool { return b.Hub.Counters().AsksRefused == uint64(len(targets)) })
	if _, err := b.Hub.Inventory(t.Context(), "pek"); !errors.Is(err, hub.ErrNotFound) {
		t.Errorf("pek's inventory: %v, want none", err)
	}
	if n, _, _ := victim.Pending(); n != 0 {
		t.Errorf("pek got %d messages from fra's questions", n)
	}
}

// TestWhoMayConnect tries credentials that are not what they say.
func TestWhoMayConnect(t *testing.T) {
	b := bustest.Start(t)
	good, other := b.Enroll(bus.Site, "fra"), b.Enroll(bus.Site, "pek")
	foreign, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	issue := func(a *authority.Authority, now time.Time) string {
		key, _ := nkeys.FromSeed([]byte(good.Seed))
		public, _ := key.PublicKey()
		text, err := a.Enroll(bus.Site, "fra", public, now)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, c := range map[string]struct {
		change func(*bus.Credentials)
		want   error
	}{
		"good":              {func(*bus.Credentials) {}, nil},
		"another's JWT":     {func(c *bus.Credentials) { c.JWT = other.JWT }, nats.ErrAuthorization},
		"another authority": {func(c *bus.Credentials) { c.JWT = issue(foreign, time.Now()) }, nats.ErrAuthorization},
		"expired": {func(c *bus.Credentials) {
			c.JWT = issue(b.Authority, time.Now().Add(-authority.Lifetime-time.Minute))
		}, nats.ErrAuthorization},
		"no JWT":   {func(c *bus.Credentials) { c.JWT = "" }, nats.ErrAuthorization},
		"wrong CA": {func(c *bus.Credentials) { c.CA = string(foreign.CA()) }, x509.UnknownAuthorityError{}},
	} {
		t.Run(name, func(t *testing.T) {
			creds := good
			c.change(&creds)
			nc, err := rawConnect(creds)
			if nc != nil {
				nc.Close()
			}
			var unknown x509.UnknownAuthorityError
			if !errors.Is(err, c.want) && !(errors.As(c.want, &unknown) && errors.As(err, &unknown)) {
				t.Errorf("connect: %v, want %v", err, c.want)
			}
		})
	}
}

// TestForgedReports: a report is what a member published itself, marked as one.
func TestForgedReports(t *testing.T) {
	b := bustest.Start(t)
	reports := collect(t, b)
	nc := raw(t, b.Enroll(bus.Site, "fra"))
	if err := nc.Publish("sig.fra.report", []byte("no mark")); err != nil {
		t.Fatal(err)
	}
	if err := b.Member(bus.Site, "pek").PublishReport([]byte("real")); err != nil {
		t.Fatal(err)
	}
	if got := take(t, reports, "report"); got.Sender != "pek" || got.Role != bus.Site || string(got.Data) != "real" {
		t.Errorf("report %+v", got)
	}
	eventually(t, "the unmarked one is dropped", func() bool { return b.Hub.Counters().ReportsDropped == 1 })
}
