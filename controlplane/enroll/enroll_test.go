package enroll_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/controlplane/enroll"
	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
	"tidegate.dev/tidegate/gslb/bus/bustest"
	"tidegate.dev/tidegate/gslb/bus/join"
)

// endpoint is a hub with a bus and an enrolment endpoint.
type endpoint struct {
	bus    *bustest.Bus
	hub    *enroll.Hub
	url    string
	tokens *memory

	mu  sync.Mutex
	now time.Time
}

func (e *endpoint) clock() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

func (e *endpoint) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

var mapKey = bytes.Repeat([]byte{7}, 32)

func start(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{bus: bustest.Start(t), tokens: newMemory(), now: time.Now()}
	e.url = serve(t, e.bus.Authority, func(url string) *enroll.Hub {
		var err error
		e.hub, err = enroll.NewHub(enroll.HubConfig{
			Bus: e.bus.Hub, Tokens: e.tokens, URL: url, CA: e.bus.Authority.CA(), BusURLs: []string{e.bus.Server.URL()},
			MapKey: mapKey, Now: e.clock, Logger: bustest.Logger(t),
		})
		if err != nil {
			t.Fatal(err)
		}
		return e.hub
	})
	return e
}

// serve runs an endpoint with certificates of a's CA until the test ends.
func serve(t *testing.T, a *authority.Authority, hub func(url string) *enroll.Hub, hosts ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := a.TLS(hosts)
	if err != nil {
		t.Fatal(err)
	}
	url := "https://" + listener.Addr().String()
	h := hub(url)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx, listener, config) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return url
}

func (e *endpoint) token(t *testing.T, role bus.Role, name string) join.Token {
	t.Helper()
	token, err := e.hub.NewToken(t.Context(), role, name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestJoin(t *testing.T) {
	e := start(t)
	began := time.Now()
	joined, err := join.Join(t.Context(), " "+e.token(t, bus.NameServer, "ns1").String()+"\n")
	if err != nil {
		t.Fatal(err)
	}
	e.bus.Dial(joined.Credentials, bus.Config{})
	t.Logf("token -> connected member in %v", time.Since(began))
	if c := joined.Credentials; c.Role != bus.NameServer || c.Name != "ns1" || !bytes.Equal(c.MapKey, mapKey) || c.Hub != e.url {
		t.Errorf("credentials %+v", c)
	}
}

// TestTokenIsGoodOnce tries every token that must not work. The refusals are the same to the letter.
func TestTokenIsGoodOnce(t *testing.T) {
	e := start(t)
	used := e.token(t, bus.Site, "fra")
	if _, err := join.Join(t.Context(), used.String()); err != nil {
		t.Fatal(err)
	}
	old := e.token(t, bus.Site, "old")
	e.advance(2 * time.Hour)
	unknown, role, name := e.token(t, bus.Site, "x"), e.token(t, bus.Site, "y"), e.token(t, bus.Site, "z")
	unknown.Secret[0] ^= 1
	role.Role = bus.NameServer
	name.Name = "fra"
	texts := map[string]bool{}
	for what, token := range map[string]join.Token{"used": used, "expired": old, "unknown": unknown, "role": role, "name": name} {
		status, text := post(t, e, "/v1/enroll", request(token, newKey(t)))
		if status != http.StatusForbidden {
			t.Errorf("%s: status %d", what, status)
		}
		texts[text] = true
		if _, err := join.Join(t.Context(), token.String()); !errors.Is(err, join.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(texts) != 1 {
		t.Errorf("the refusals differ: %v", texts)
	}
	role.Role, name.Name = bus.Site, "z" // a mistake in role or name does not use the token up
	for _, token := range []join.Token{role, name} {
		if _, err := join.Join(t.Context(), token.String()); err != nil {
			t.Error(err)
		}
	}
}

// TestConcurrentJoins: of many that have one token, one gets in.
func TestConcurrentJoins(t *testing.T) {
	e := start(t)
	token := e.token(t, bus.Site, "fra").String()
	const joiners = 8
	results := make(chan error, joiners)
	for range joiners {
		go func() {
			_, err := join.Join(t.Context(), token)
			results <- err
		}()
	}
	in := 0
	for range joiners {
		if err := <-results; err == nil {
			in++
		} else if !errors.Is(err, join.ErrRefused) {
			t.Error(err)
		}
	}
	if in != 1 {
		t.Errorf("%d got in", in)
	}
}

// TestLostAnswer: the joiner did not get the answer and asks again with the same key.
func TestLostAnswer(t *testing.T) {
	e := start(t)
	q := request(e.token(t, bus.Site, "fra"), newKey(t))
	for range 2 {
		if status, text := post(t, e, "/v1/enroll", q); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, text)
		}
	}
}

// TestJoinAgain: a name that enrols with a new token gets a new key, and the old one is cut off.
func TestJoinAgain(t *testing.T) {
	e := start(t)
	first, err := join.Join(t.Context(), e.token(t, bus.Site, "fra").String())
	if err != nil {
		t.Fatal(err)
	}
	old := e.bus.Dial(first.Credentials, bus.Config{})
	second, err := join.Join(t.Context(), e.token(t, bus.Site, "fra").String())
	if err != nil {
		t.Fatal(err)
	}
	e.bus.Dial(second.Credentials, bus.Config{})
	for deadline := time.Now().Add(bustest.Timeout); old.Connected(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the old key is still connected")
		}
	}
	if _, err := join.Renew(t.Context(), first.Credentials); !errors.Is(err, join.ErrRefused) {
		t.Errorf("the old key renews: %v", err)
	}
	_, err = join.Join(t.Context(), e.token(t, bus.NameServer, "fra").String())
	if !errors.Is(err, join.ErrRefused) || !strings.Contains(err.Error(), "taken") {
		t.Errorf("a name server takes the site's name: %v", err)
	}
}

// TestRenew: a member that was off for days comes back by itself.
func TestRenew(t *testing.T) {
	e := start(t)
	joined, err := join.Join(t.Context(), e.token(t, bus.Site, "fra").String())
	if err != nil {
		t.Fatal(err)
	}
	creds := joined.Credentials
	member, _ := e.bus.Authority.Member("fra")
	creds.JWT, err = e.bus.Authority.Enroll(bus.Site, "fra", member.Key, time.Now().Add(-3*authority.Lifetime))
	if err != nil {
		t.Fatal(err)
	}
	m := e.bus.Dial(creds, bus.Config{Renew: join.Renew})
	if m.Counters().Renewals != 1 {
		t.Errorf("%+v", m.Counters())
	}

	stranger := creds
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	stranger.Seed = string(seed)
	if _, err := join.Renew(t.Context(), stranger); !errors.Is(err, join.ErrRefused) {
		t.Errorf("a stranger renews: %v", err)
	}
	forged := map[string]any{"name": "fra", "publicKey": member.Key, "signature": make([]byte, 64)}
	if status, _ := post(t, e, "/v1/renew", forged); status != http.StatusForbidden {
		t.Errorf("a forged signature: status %d", status)
	}
}

// TestAnotherHub: a joiner that reaches another machine tells it nothing.
func TestAnotherHub(t *testing.T) {
	e := start(t)
	foreign, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	token := e.token(t, bus.Site, "fra")
	same := func(string) *enroll.Hub { return e.hub }
	for url, want := range map[string]string{
		serve(t, foreign, same):                        "authority that the token names",
		serve(t, e.bus.Authority, same, "hub.example"): "cannot validate certificate for 127.0.0.1",
	} {
		token.URL = url
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // one attempt
		if _, err := join.Join(ctx, token.String()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		cancel()
	}
	token.URL = e.url
	if _, err := join.Join(t.Context(), token.String()); err != nil {
		t.Errorf("the token was spent on the wrong machine: %v", err)
	}
}

// TestBadRequests: what is no request is refused and spends nothing.
func TestBadRequests(t *testing.T) {
	e := start(t)
	good := request(e.token(t, bus.Site, "fra"), newKey(t))
	with := func(key string, value any) map[string]any {
		q := map[string]any{key: value}
		for k, v := range good {
			if k != key {
				q[k] = v
			}
		}
		return q
	}
	for name, q := range map[string]any{
		"role": with("role", "hub"), "name": with("name", "a.b"), "key": with("publicKey", "U"),
		"unknown field": with("x", 1), "not an object": []int{1}, "large": with("name", strings.Repeat("x", 1<<20)),
	} {
		if status, text := post(t, e, "/v1/enroll", q); status != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", name, status, text)
		}
	}
	response, err := client(e).Get(e.url + "/v1/enroll")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d", response.StatusCode)
	}
	if status, text := post(t, e, "/v1/enroll", good); status != http.StatusOK {
		t.Errorf("good: status %d: %s", status, text)
	}
}

// brokenBus cannot enrol now.
type brokenBus struct{ enroll.Bus }

func (brokenBus) Enroll(context.Context, bus.Role, string, string) (string, error) {
	return "", errors.New("secret detail")
}

func TestHubFails(t *testing.T) {
	e := start(t)
	h, err := enroll.NewHub(enroll.HubConfig{
		Bus: brokenBus{}, Tokens: e.tokens, URL: e.url, CA: e.bus.Authority.CA(), BusURLs: []string{"tls://x:1"},
		MapKey: mapKey, Logger: bustest.Logger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	e.url = serve(t, e.bus.Authority, func(string) *enroll.Hub { return h })
	status, text := post(t, e, "/v1/enroll", request(e.token(t, bus.Site, "fra"), newKey(t)))
	if status != http.StatusServiceUnavailable || strings.Contains(text, "secret detail") {
		t.Errorf("status %d: %s", status, text)
	}
}

func newKey(t *testing.T) string {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func request(token join.Token, key string) map[string]any {
	return map[string]any{"secret": token.Secret[:], "role": token.Role, "name": token.Name, "publicKey": key}
}

func client(e *endpoint) *http.Client {
	config := e.bus.Authority.ClientTLS()
	return &http.Client{Timeout: bustest.Timeout, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

// post sends a request as anybody could.
func post(t *testing.T, e *endpoint, path string, value any) (status int, text string) {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client(e).Post(e.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}
