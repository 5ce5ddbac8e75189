// Package authority holds the keys of a bus: who the members are, what each role may do, and the certificate authority
// that the hub's servers present.
//
// One value (Marshal, Parse) is the whole of it, and the hub keeps it in a Secret: a hub with an empty disk comes back
// as the same authority, and every member's JWT stays valid. The chain is: an operator's key signs the operator's JWT,
// which names a signing key; that key signs the accounts' JWTs, which name one scoped signing key for each role; and
// those sign users. The operator's and the accounts' own keys sign nothing after New and can be taken away (Strip).
//
// It opens no sockets and no files. gslb/bus/server and gslb/bus/hub use it.
package authority

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
)

// Lifetime is how long a member's JWT is valid. Members renew at half of it.
const Lifetime = 24 * time.Hour

// Errors that a caller branches on.
var (
	ErrAuthority = errors.New("not a bus authority")
	// ErrNameTaken: the name belongs to a member of another role.
	ErrNameTaken = errors.New("the name is taken")
	// ErrUnknownMember: no member has the name, or it has another key.
	ErrUnknownMember = errors.New("no such member")
	// ErrKey: the key cannot be a member's: it is not one, was revoked, or is another member's.
	ErrKey = errors.New("the key is refused")
)

// Authority is the keys of one bus. Its methods may be called from several goroutines.
type Authority struct {
	mu    sync.Mutex
	value value
	keys  keys
	ca    *ca
}

// Member is one enrolled member. Key is its NKey's public key.
type Member struct {
	Role bus.Role `json:"role"`
	Key  string   `json:"key"`
}

// value is the authority as it is kept. Seeds and the CA's key are its secrets.
type value struct {
	Version int `json:"version"`
	// Offline holds the seeds that New needed and that nothing needs later.
	Offline     *offline `json:"offline,omitempty"`
	OperatorJWT string   `json:"operatorJWT"`
	// OperatorSigning signs the accounts' JWTs, SystemSigning a hub's user in the system account.
	OperatorSigning string `json:"operatorSigning"`
	SystemAccount   string `json:"systemAccount"`
	SystemSigning   string `json:"systemSigning"`
	Account         string `json:"account"`
	// Roles holds the scoped signing key of each role.
	Roles   map[string]string `json:"roles"`
	CACert  string            `json:"caCertificate"`
	CAKey   string            `json:"caKey"`
	Members map[string]Member `json:"members"`
	// Revoked maps the public keys of former members to when they ended, in seconds since 1970.
	Revoked map[string]int64 `json:"revoked"`
}

type offline struct {
	Operator      string `json:"operator"`
	SystemAccount string `json:"systemAccount"`
	Account       string `json:"account"`
}

// keys are the seeds of value, opened.
type keys struct {
	operatorSigning, systemSigning nkeys.KeyPair
	roles                          map[string]nkeys.KeyPair
}

const version = 1

// New makes the keys and the certificate authority of a new bus.
func New(now time.Time) (*Authority, error) {
	v := value{Version: version, Offline: &offline{}, Roles: map[string]string{}, Members: map[string]Member{}, Revoked: map[string]int64{}}
	if err := v.makeKeys(); err != nil {
		return nil, fmt.Errorf("make a bus authority: %w", err)
	}
	cert, key, err := makeCA(now)
	if err != nil {
		return nil, fmt.Errorf("make a bus authority: %w", err)
	}
	v.CACert, v.CAKey = string(cert), string(key)
	return open(v)
}

func (v *value) makeKeys() error {
	operator, err := nkeys.CreateOperator()
	if err != nil {
		return err
	}
	operatorSigning, err := nkeys.CreateOperator()
	if err != nil {
		return err
	}
	if v.Offline.Operator, v.OperatorSigning, err = seeds(operator, operatorSigning); err != nil {
		return err
	}
	if v.Offline.SystemAccount, v.SystemAccount, v.SystemSigning, err = makeAccount(); err != nil {
		return err
	}
	if v.Offline.Account, v.Account, _, err = makeAccount(); err != nil {
		return err
	}
	if err := v.makeRoles(); err != nil {
		return err
	}
	v.OperatorJWT, err = operatorJWT(operator, operatorSigning, v.SystemAccount)
	return err
}

// makeRoles makes the scoped signing keys that v lacks.
func (v *value) makeRoles() error {
	for role := range templates {
		if v.Roles[role] != "" {
			continue
		}
		key, err := nkeys.CreateAccount()
		if err != nil {
			return err
		}
		seed, err := key.Seed()
		if err != nil {
			return err
		}
		v.Roles[role] = string(seed)
	}
	return nil
}

// makeAccount makes an account's own key and one signing key.
func makeAccount() (seed, public, signing string, err error) {
	own, err := nkeys.CreateAccount()
	if err != nil {
		return "", "", "", err
	}
	sign, err := nkeys.CreateAccount()
	if err != nil {
		return "", "", "", err
	}
	if public, err = own.PublicKey(); err != nil {
		return "", "", "", err
	}
	seed, signing, err = seeds(own, sign)
	return seed, public, signing, err
}

func seeds(a, b nkeys.KeyPair) (string, string, error) {
	first, err := a.Seed()
	if err != nil {
		return "", "", err
	}
	second, err := b.Seed()
	return string(first), string(second), err
}

func operatorJWT(operator, signing nkeys.KeyPair, systemAccount string) (string, error) {
	public, err := operator.PublicKey()
	if err != nil {
		return "", err
	}
	signingPublic, err := signing.PublicKey()
	if err != nil {
		return "", err
	}
	claims := jwt.NewOperatorClaims(public)
	claims.Name = "tidegate"
	claims.SigningKeys.Add(signingPublic)
	claims.SystemAccount = systemAccount
	claims.StrictSigningKeyUsage = true
	return claims.Encode(operator)
}

// Parse reads what Marshal wrote.
func Parse(data []byte) (*Authority, error) {
	var v value
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	if v.Version != version {
		return nil, fmt.Errorf("%w: version %d, this build reads %d", ErrAuthority, v.Version, version)
	}
	a, err := open(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthority, err)
	}
	return a, nil
}

// open checks v and opens its keys.
func open(v value) (*Authority, error) {
	if v.Members == nil {
		v.Members = map[string]Member{}
	}
	if v.Revoked == nil {
		v.Revoked = map[string]int64{}
	}
	a := &Authority{value: v, keys: keys{roles: map[string]nkeys.KeyPair{}}}
	if _, err := jwt.DecodeOperatorClaims(v.OperatorJWT); err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	if !nkeys.IsValidPublicAccountKey(v.Account) || !nkeys.IsValidPublicAccountKey(v.SystemAccount) {
		return nil, errors.New("an account's key is not one")
	}
	if err := a.openKeys(); err != nil {
		return nil, err
	}
	var err error
	a.ca, err = openCA([]byte(v.CACert), []byte(v.CAKey))
	return a, err
}

func (a *Authority) openKeys() (err error) {
	if a.keys.operatorSigning, err = fromSeed(a.value.OperatorSigning, nkeys.PrefixByteOperator); err != nil {
		return fmt.Errorf("operator's signing key: %w", err)
	}
	if a.keys.systemSigning, err = fromSeed(a.value.SystemSigning, nkeys.PrefixByteAccount); err != nil {
		return fmt.Errorf("system account's signing key: %w", err)
	}
	for role := range templates {
		if a.keys.roles[role], err = fromSeed(a.value.Roles[role], nkeys.PrefixByteAccount); err != nil {
			return fmt.Errorf("signing key of role %s: %w", role, err)
		}
	}
	return nil
}

func fromSeed(seed string, want nkeys.PrefixByte) (nkeys.KeyPair, error) {
	prefix, _, err := nkeys.DecodeSeed([]byte(seed))
	if err != nil {
		return nil, err
	}
	if prefix != want {
		return nil, nkeys.ErrInvalidPrefixByte
	}
	return nkeys.FromSeed([]byte(seed))
}

// Marshal writes the authority with all its secrets.
func (a *Authority) Marshal() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	data, err := json.Marshal(a.value)
	if err != nil {
		return nil, fmt.Errorf("encode bus authority: %w", err)
	}
	return data, nil
}

// Strip takes the operator's and the accounts' own keys out and returns them in JSON, for a safe place; nil if they
// are gone already. The authority goes on without them.
func (a *Authority) Strip() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.value.Offline == nil {
		return nil, nil
	}
	data, err := json.Marshal(a.value.Offline)
	if err != nil {
		return nil, fmt.Errorf("encode the offline keys: %w", err)
	}
	a.value.Offline = nil
	return data, nil
}

// Clone is a copy that can be changed and saved before Adopt takes it over.
func (a *Authority) Clone() *Authority {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.value
	v.Members, v.Revoked = maps.Clone(v.Members), maps.Clone(v.Revoked)
	return &Authority{value: v, keys: a.keys, ca: a.ca}
}

// Adopt makes a what from is. from is not used again.
func (a *Authority) Adopt(from *Authority) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.value, a.keys, a.ca = from.value, from.keys, from.ca
}

// CA is the certificate authority's certificate in PEM. It is no secret.
func (a *Authority) CA() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return []byte(a.value.CACert)
}

// CAHash is the SHA-256 of the certificate authority's certificate (DER), which enrolment tokens carry.
func (a *Authority) CAHash() [32]byte {
	return a.authority().hash()
}

// TLS is the configuration of a server that members dial by one of hosts (names or IP addresses); nil is localhost and
// its addresses. The certificate is made anew at half of its 90 days, so a running server needs no restart.
func (a *Authority) TLS(hosts []string) (*tls.Config, error) {
	return a.authority().serverTLS(hosts)
}

// ClientTLS is the configuration of a client that trusts this authority alone.
func (a *Authority) ClientTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.authority().pool()}
}

func (a *Authority) authority() *ca {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ca
}
