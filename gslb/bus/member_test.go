package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/bustest"
	"tidegate.dev/tidegate/gslb/bus/hub"
)

// TestDialBeforeTheBus: Dial returns at once though nothing listens, or nothing answers, and connects later.
func TestDialBeforeTheBus(t *testing.T) {
	b := bustest.Start(t)
	publish(t, b.Hub, []byte("map"), []byte("head"), hub.NoHead)
	creds := b.Enroll(bus.NameServer, "ns1")
	b.Stop()
	began := time.Now()
	m, err := bus.Dial(t.Context(), creds, bus.Config{Logger: bustest.Logger(t)})
	if took := time.Since(began); err != nil || took > 100*time.Millisecond {
		t.Fatalf("Dial took %v: %v", took, err)
	}
	defer m.Close()
	heads := followMap(t, m)
	if err := m.PublishReport([]byte("r")); !errors.Is(err, bus.ErrOffline) {
		t.Errorf("report while offline: %v", err)
	}
	if _, err := m.FetchMap(t.Context(), "sha256:x"); !errors.Is(err, bus.ErrOffline) {
		t.Errorf("fetch while offline: %v", err)
	}
	b.Start()
	started := time.Now()
	if got := take(t, heads, "head"); string(got.data) != "head" {
		t.Errorf("head %q", got.data)
	}
	t.Logf("bus listens -> first head in %v", time.Since(started))
}

// TestSilentBus: a bus that takes connections and says nothing holds up neither Dial nor Close nor a report.
func TestSilentBus(t *testing.T) {
	b := bustest.Start(t)
	creds := b.Enroll(bus.NameServer, "ns1")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	creds.URLs = []string{"tls://" + listener.Addr().String()}
	m, err := bus.Dial(t.Context(), creds, bus.Config{Logger: bustest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	if err := m.PublishReport([]byte("r")); !errors.Is(err, bus.ErrOffline) || time.Since(began) > 100*time.Millisecond {
		t.Errorf("report took %v: %v", time.Since(began), err)
	}
	m.Close()
	if took := time.Since(began); took > time.Second {
		t.Errorf("Close took %v", took)
	}
}

func TestRevokedMemberIsCut(t *testing.T) {
	b := bustest.Start(t)
	creds := b.Enroll(bus.Site, "fra")
	nc := raw(t, creds)
	pek := b.Member(bus.Site, "pek")
	closed := nc.StatusChanged(nats.CLOSED)
	began := time.Now()
	if err := b.Hub.Revoke(t.Context(), "fra"); err != nil {
		t.Fatal(err)
	}
	take(t, closed, "end of the revoked connection")
	took := time.Since(began)
	t.Logf("revoke -> connection cut in %v", took)
	if took > time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := rawConnect(creds); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a revoked member connects: %v", err)
	}
	if !pek.Connected() || pek.Counters().Disconnects != 0 {
		t.Error("another member was cut off")
	}
	if err := b.Hub.Revoke(t.Context(), "fra"); !errors.Is(err, authority.ErrUnknownMember) {
		t.Errorf("revoke again: %v", err)
	}
	b.Stop() // the revocation outlives the process
	value, err := b.Authority.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b.Restore(value)
	b.Start()
	if _, err := rawConnect(creds); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a revoked member connects after a restart: %v", err)
	}
}

// TestEnrolledAgain: a name enrolled with a new key belongs to the new key.
func TestEnrolledAgain(t *testing.T) {
	b := bustest.Start(t)
	old := b.Enroll(bus.Site, "fra")
	closed := raw(t, old).StatusChanged(nats.CLOSED)
	fresh := b.Enroll(bus.Site, "fra")
	take(t, closed, "end of the old key's connection")
	b.Dial(fresh, bus.Config{})
	if _, err := rawConnect(old); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("the old key connects: %v", err)
	}
}

// expiring gives credentials a JWT that ends in so long.
func expiring(t *testing.T, b *bustest.Bus, creds bus.Credentials, in time.Duration) bus.Credentials {
	t.Helper()
	member, _ := b.Authority.Member(creds.Name)
	text, err := b.Authority.Enroll(creds.Role, creds.Name, member.Key, time.Now().Add(in-authority.Lifetime))
	if err != nil {
		t.Fatal(err)
	}
	creds.JWT = text
	return creds
}

func TestRenewalAtHalfLife(t *testing.T) {
	b := bustest.Start(t)
	path := filepath.Join(t.TempDir(), "fra.creds")
	young := b.Enroll(bus.Site, "pek")
	old := expiring(t, b, b.Enroll(bus.Site, "fra"), 6*time.Second)
	began := time.Now()
	unchanged := b.Dial(young, bus.Config{})
	m := b.Dial(old, bus.Config{Saved: func(c bus.Credentials) error { return c.Write(path) }})
	eventually(t, "renewed and connected again", func() bool {
		return m.Counters().Renewals == 1 && m.Counters().Connects == 2 && m.Connected()
	})
	if took := time.Since(began); took < 2*time.Second || took > 5*time.Second {
		t.Errorf("a JWT of 6 s was renewed after %v", took)
	}
	saved, err := bus.ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	if saved.JWT == old.JWT || saved.JWT != m.Credentials().JWT || saved.Seed != old.Seed {
		t.Error("the saved credentials are not the renewed ones")
	}
	claims, err := jwt.DecodeUserClaims(saved.JWT)
	if err != nil || time.Until(time.Unix(claims.Expires, 0)) < authority.Lifetime-time.Minute {
		t.Errorf("the new JWT expires at %v, %v", time.Unix(claims.Expires, 0), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if unchanged.Counters().Renewals != 0 {
		t.Error("a young JWT was renewed")
	}
}

// TestExpiredMemberComesBack: the bus refuses an expired JWT, so it is renewed beside the bus.
func TestExpiredMemberComesBack(t *testing.T) {
	b := bustest.Start(t)
	creds := b.Enroll(bus.Site, "fra")
	expired := expiring(t, b, creds, -time.Hour)
	if _, err := rawConnect(expired); !errors.Is(err, nats.ErrAuthorization) {
		t.Fatalf("an expired JWT connects: %v", err)
	}
	calls := 0
	b.Dial(expired, bus.Config{Renew: func(context.Context, bus.Credentials) (string, error) {
		if calls++; calls == 1 {
			return "", errors.New("not now")
		}
		return creds.JWT, nil
	}})
}

// TestFlood: a member that sends without end is bounded, and others are heard.
func TestFlood(t *testing.T) {
	b := bustest.Start(t)
	reports := collect(t, b)
	flood, calm := b.Member(bus.Site, "fra"), b.Member(bus.Site, "pek")
	const sent = 20_000
	for i := range sent {
		_ = flood.PublishReport(fmt.Appendf(nil, "%d", i)) // its own queue may be full
	}
	if err := calm.PublishReport([]byte("calm")); err != nil {
		t.Fatal(err)
	}
	floods := 0
	for {
		r := take(t, reports, "report")
		if r.Sender == "pek" {
			break
		}
		floods++
	}
	t.Logf("%d of %d reports of the flood were handled before the calm member's", floods, sent)
	if floods > sent/10 {
		t.Errorf("%d reports of one member were handled", floods)
	}
	if err := calm.PublishReport(make([]byte, 1<<20+1)); !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("a report over the limit: %v", err)
	}
}

// TestLargestReport: the limits of members and servers agree.
func TestLargestReport(t *testing.T) {
	b := bustest.Start(t)
	reports := collect(t, b)
	m := b.Member(bus.Site, "fra")
	size := 1 << 20
	for ; ; size-- {
		err := m.PublishReport(make([]byte, size))
		if err == nil {
			break
		}
		if !errors.Is(err, bus.ErrTooLarge) || size < 1<<20-200 {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	if got := take(t, reports, "report"); len(got.Data) != size {
		t.Errorf("%d bytes, want %d", len(got.Data), size)
	}
	if m.Counters().Disconnects != 0 {
		t.Error("the server cut the member off")
	}
}

// TestTooManySubscriptions: the server bounds what one connection may hold.
func TestTooManySubscriptions(t *testing.T) {
	b := bustest.Start(t)
	nc := raw(t, b.Enroll(bus.Site, "fra"))
	for i := range 100 {
		if _, err := nc.SubscribeSync(fmt.Sprintf("_INBOX.fra.%d", i)); err != nil {
			break
		}
	}
	eventually(t, "the server refuses", func() bool {
		_ = nc.Flush()
		return errors.Is(nc.LastError(), nats.ErrMaxSubscriptionsExceeded) || nc.IsClosed()
	})
}

// TestDialWrongCredentials: what is wrong with credentials is said at once.
func TestDialWrongCredentials(t *testing.T) {
	b := bustest.Start(t)
	creds := b.Enroll(bus.Site, "fra")
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds.Seed = string(seed)
	if _, err := bus.Dial(t.Context(), creds, bus.Config{}); !errors.Is(err, bus.ErrCredentials) {
		t.Errorf("another key: %v", err)
	}
}
