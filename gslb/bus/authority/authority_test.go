package authority_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
)

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
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

func enroll(t *testing.T, a *authority.Authority, role bus.Role, name, key string) string {
	t.Helper()
	text, err := a.Enroll(role, name, key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func account(t *testing.T, a *authority.Authority) *jwt.AccountClaims {
	t.Helper()
	text, err := a.AccountJWT()
	if err != nil {
		t.Fatal(err)
	}
	claims, err := jwt.DecodeAccountClaims(text)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func user(t *testing.T, text string) *jwt.UserClaims {
	t.Helper()
	claims, err := jwt.DecodeUserClaims(text)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestComesBack: what Marshal wrote is the same authority, also without the offline keys.
func TestComesBack(t *testing.T) {
	a := newAuthority(t)
	text := enroll(t, a, bus.Site, "fra", newKey(t))
	offline, err := a.Strip()
	if err != nil || !bytes.Contains(offline, []byte(`"operator":"SO`)) {
		t.Fatalf("offline keys %.20q, %v", offline, err)
	}
	value, err := a.Marshal()
	if err != nil || bytes.Contains(value, []byte(`"offline"`)) {
		t.Fatalf("stripped value: %v", err)
	}
	again, err := authority.Parse(value)
	if err != nil {
		t.Fatal(err)
	}
	if !account(t, again).DidSign(user(t, text)) {
		t.Error("a member's JWT is not valid any more")
	}
	if again.Operator() != a.Operator() || again.CAHash() != a.CAHash() {
		t.Error("another operator or CA")
	}
	if m, found := again.Member("fra"); !found || m.Role != bus.Site {
		t.Errorf("member %+v, %v", m, found)
	}
	enroll(t, again, bus.NameServer, "ns1", newKey(t))
	if more, err := again.Strip(); more != nil || err != nil {
		t.Errorf("stripped twice: %q, %v", more, err)
	}
}

// TestEveryJWTVerifies: what the authority signs passes the library's own checks.
func TestEveryJWTVerifies(t *testing.T) {
	a := newAuthority(t)
	operator, err := jwt.DecodeOperatorClaims(a.Operator())
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := a.Accounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range accounts {
		claims, err := jwt.DecodeAccountClaims(text)
		if err != nil {
			t.Fatal(err)
		}
		var problems jwt.ValidationResults
		claims.Validate(&problems)
		for _, p := range problems.Issues {
			t.Errorf("%s: %s", claims.Name, p.Description)
		}
		if !operator.DidSign(claims) || claims.Issuer == operator.Subject {
			t.Errorf("%s is signed by %s", claims.Name, claims.Issuer)
		}
	}
	claims := user(t, enroll(t, a, bus.Site, "fra", newKey(t)))
	if !claims.HasEmptyPermissions() || claims.Issuer == claims.IssuerAccount || claims.BearerToken {
		t.Error("the user's JWT is not under its role's template")
	}
	if life := time.Until(time.Unix(claims.Expires, 0)); life > 24*time.Hour || life < 24*time.Hour-time.Minute {
		t.Errorf("it is valid for %v", life)
	}
}

func TestNames(t *testing.T) {
	a := newAuthority(t)
	key := newKey(t)
	first := enroll(t, a, bus.Site, "fra", key)
	for name, c := range map[string]struct {
		role      bus.Role
		name, key string
		want      error
	}{
		"another role":     {bus.NameServer, "fra", newKey(t), authority.ErrNameTaken},
		"another's key":    {bus.Site, "pek", key, authority.ErrKey},
		"no key":           {bus.Site, "pek", "UABC", authority.ErrKey},
		"wildcard":         {bus.Site, "*", newKey(t), nil},
		"two labels":       {bus.Site, "a.b", newKey(t), nil},
		"upper case":       {bus.Site, "Fra", newKey(t), nil},
		"empty":            {bus.Site, "", newKey(t), nil},
		"template":         {bus.Site, "{{name()}}", newKey(t), nil},
		"the hub's rights": {"hub", "x", newKey(t), nil},
	} {
		_, err := a.Enroll(c.role, c.name, c.key, time.Now())
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	second := newKey(t)
	enroll(t, a, bus.Site, "fra", second)
	if !account(t, a).IsClaimRevoked(user(t, first)) {
		t.Error("the former key is not revoked")
	}
	if _, err := a.Renew("fra", key, time.Now()); !errors.Is(err, authority.ErrUnknownMember) {
		t.Errorf("the former key renews: %v", err)
	}
	if _, err := a.Enroll(bus.Site, "fra", key, time.Now()); !errors.Is(err, authority.ErrKey) {
		t.Errorf("the former key enrols: %v", err)
	}
	if _, err := a.Renew("fra", second, time.Now()); err != nil {
		t.Error(err)
	}
	if err := a.Revoke("fra", time.Now()); err != nil {
		t.Fatal(err)
	}
	enroll(t, a, bus.NameServer, "fra", newKey(t)) // the name is free again
}

// TestRevocationsEnd: the list does not grow for ever.
func TestRevocationsEnd(t *testing.T) {
	a := newAuthority(t)
	enroll(t, a, bus.Site, "fra", newKey(t))
	enroll(t, a, bus.Site, "pek", newKey(t))
	if err := a.Revoke("fra", time.Now().Add(-3*authority.Lifetime)); err != nil {
		t.Fatal(err)
	}
	if n := len(account(t, a).Revocations); n != 1 {
		t.Errorf("%d revocations", n)
	}
	if err := a.Revoke("pek", time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := len(account(t, a).Revocations); n != 1 {
		t.Errorf("%d revocations, want the newer one", n)
	}
}

func TestCloneStandsApart(t *testing.T) {
	a := newAuthority(t)
	next := a.Clone()
	enroll(t, next, bus.Site, "fra", newKey(t))
	if len(a.Members()) != 0 {
		t.Error("the original changed")
	}
	a.Adopt(next)
	if len(a.Members()) != 1 {
		t.Error("the change is not taken over")
	}
}

func TestServerCertificate(t *testing.T) {
	a := newAuthority(t)
	config, err := a.TLS([]string{"hub.example", "192.0.2.1", "2001:db8::1"})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := config.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil || again != certificate {
		t.Errorf("another certificate at once, %v", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.CA())
	for host, want := range map[string]bool{"hub.example": true, "192.0.2.1": true, "2001:db8::1": true, "other.example": false, "192.0.2.2": false} {
		_, err := certificate.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: host})
		if (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	block, _ := pem.Decode(a.CA())
	if sha256.Sum256(block.Bytes) != a.CAHash() || !bytes.Equal(certificate.Certificate[1], block.Bytes) {
		t.Error("the chain does not end with the authority that the hash names")
	}
	if config.MinVersion != tls.VersionTLS13 {
		t.Error("TLS below 1.3")
	}
}

func TestParseRefuses(t *testing.T) {
	a := newAuthority(t)
	value, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	other, err := newAuthority(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(v, other map[string]any){
		"version":         func(v, _ map[string]any) { v["version"] = 2 },
		"operator":        func(v, _ map[string]any) { v["operatorJWT"] = "x" },
		"account":         func(v, _ map[string]any) { v["account"] = "x" },
		"signing key":     func(v, _ map[string]any) { v["operatorSigning"] = v["systemSigning"] },
		"roles":           func(v, _ map[string]any) { v["roles"] = nil },
		"another CA key":  func(v, o map[string]any) { v["caKey"] = o["caKey"] },
		"no certificate":  func(v, _ map[string]any) { v["caCertificate"] = "" },
		"system's signer": func(v, _ map[string]any) { v["systemSigning"] = "" },
	} {
		var v, o map[string]any
		if err := errors.Join(json.Unmarshal(value, &v), json.Unmarshal(other, &o)); err != nil {
			t.Fatal(err)
		}
		change(v, o)
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := authority.Parse(data); !errors.Is(err, authority.ErrAuthority) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
