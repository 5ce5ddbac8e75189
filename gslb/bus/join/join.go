package join

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
)

// Joined is what a member has after joining.
type Joined struct {
	Credentials bus.Credentials
}

// ErrRefused: the hub does not take the token or the key; the text says what to do. Other errors are of the network
// and worth another attempt.
var ErrRefused = errors.New("the hub refused")

// How often Join asks a hub that does not answer, and how long each answer may take.
const (
	answerTimeout = 10 * time.Second
	attempts      = 3
	attemptPause  = time.Second
)

// Join enrols this machine with a token's string. It makes the NKey, so no one else ever holds the seed; the caller
// writes the credentials to a file before it uses them, since the token is used up. Errors: ErrToken, ErrRefused, or
// the network's after three attempts.
func Join(ctx context.Context, token string) (Joined, error) {
	t, err := ParseToken(token)
	if err != nil {
		return Joined{}, err
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		return Joined{}, fmt.Errorf("make a key: %w", err)
	}
	joined, err := t.join(ctx, key)
	if err != nil {
		return Joined{}, fmt.Errorf("join %s as %s %s: %w", t.URL, t.Role, t.Name, err)
	}
	return joined, nil
}

func (t Token) join(ctx context.Context, key nkeys.KeyPair) (Joined, error) {
	public, err := key.PublicKey()
	if err != nil {
		return Joined{}, err
	}
	seed, err := key.Seed()
	if err != nil {
		return Joined{}, err
	}
	trust := &pin{hash: t.CAHash, host: hostOf(t.URL)}
	client := &http.Client{Timeout: answerTimeout, Transport: trust.transport()}
	defer client.CloseIdleConnections()
	g, err := t.ask(ctx, client, public)
	if err != nil {
		return Joined{}, err
	}
	if block, _ := pem.Decode([]byte(g.CA)); block == nil || sha256.Sum256(block.Bytes) != t.CAHash {
		return Joined{}, errors.New("the hub gave another certificate authority than the token's")
	}
	creds := bus.Credentials{
		Role: t.Role, Name: t.Name, URLs: g.URLs, CA: g.CA, JWT: g.JWT, Seed: string(seed), Hub: t.URL, MapKey: g.MapKey,
	}
	return Joined{Credentials: creds}, creds.Check()
}

// ask posts the token, again if the network loses it: the same key may.
func (t Token) ask(ctx context.Context, client *http.Client, public string) (g Grant, err error) {
	q := EnrollRequest{Secret: t.Secret[:], Role: t.Role, Name: t.Name, PublicKey: public}
	for attempt := 1; ; attempt++ {
		err = post(ctx, client, t.URL, EnrollPath, q, &g)
		if err == nil || errors.Is(err, ErrRefused) || attempt == attempts {
			return g, err
		}
		select {
		case <-time.After(attemptPause):
		case <-ctx.Done():
			return Grant{}, errors.Join(err, ctx.Err())
		}
	}
}

// Renew asks the hub for a new JWT over HTTPS, for a member whose JWT the bus no longer takes. It fits bus.Config.Renew.
func Renew(ctx context.Context, creds bus.Credentials) (jwt string, err error) {
	if creds.Hub == "" {
		return "", errors.New("renew at the hub: the credentials do not say where it is: enrol again with a new token")
	}
	q, err := signRenewal(creds)
	if err != nil {
		return "", fmt.Errorf("renew at the hub: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(creds.CA))
	client := &http.Client{Timeout: answerTimeout, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool},
	}}
	defer client.CloseIdleConnections()
	var fresh RenewAnswer
	if err := post(ctx, client, creds.Hub, RenewPath, q, &fresh); err != nil {
		return "", fmt.Errorf("renew at %s: %w", creds.Hub, err)
	}
	return fresh.JWT, nil
}

func signRenewal(creds bus.Credentials) (RenewRequest, error) {
	key, err := nkeys.FromSeed([]byte(creds.Seed))
	if err != nil {
		return RenewRequest{}, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return RenewRequest{}, err
	}
	signature, err := key.Sign(renewal(creds.Name, public))
	return RenewRequest{Name: creds.Name, PublicKey: public, Signature: signature}, err
}

// post sends a value and reads the answer, or the hub's error.
func post(ctx context.Context, client *http.Client, hub, path string, value, into any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(hub, "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, MaxBodyBytes))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fault(response.StatusCode, data)
	}
	return json.Unmarshal(data, into)
}

func fault(status int, data []byte) error {
	var e ErrorAnswer
	if err := json.Unmarshal(data, &e); err != nil || e.Error == "" {
		e.Error = http.StatusText(status)
	}
	if status >= 500 {
		return fmt.Errorf("the hub answered %d: %s", status, e.Error)
	}
	return fmt.Errorf("%w: %s", ErrRefused, e.Error)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// pin trusts one certificate authority by its hash, for one host.
type pin struct {
	hash [sha256.Size]byte
	host string
}

// transport verifies by the pin alone. The usual verification is off because it knows no hash.
func (p *pin) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, VerifyConnection: p.verify,
	}}
}

// verify finds the authority in the chain that the hub sent, and checks the hub's certificate by it.
func (p *pin) verify(state tls.ConnectionState) error {
	roots := x509.NewCertPool()
	found := false
	for _, c := range state.PeerCertificates {
		if sha256.Sum256(c.Raw) == p.hash {
			roots.AddCert(c)
			found = true
		}
	}
	if !found {
		return errors.New("the hub's certificate is not of the authority that the token names: another machine answers there, or the hub was set up anew")
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: p.host})
	return err
}
