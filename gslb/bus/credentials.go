package bus

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Credentials are all that a member needs to speak on the bus. They are one small JSON file, such as
// /etc/tidegate/ns1.creds, which a person can hand over; whoever holds it is the member.
type Credentials struct {
	Role Role   `json:"role"`
	Name string `json:"name"`
	// URLs are the bus' addresses, "tls://hub:4222".
	URLs []string `json:"urls"`
	// CA is the hub's certificate authority in PEM.
	CA string `json:"ca"`
	// JWT names the member and expires; it is no secret. Seed is the member's NKey, which never leaves the member.
	JWT  string `json:"jwt"`
	Seed string `json:"seed"`
	// Hub is where a JWT that has expired is renewed, "https://hub:4223"; empty: an expired member enrols anew.
	Hub string `json:"hub,omitempty"`
	// MapKey is the ed25519 public key that signs heads; only a name server needs it.
	MapKey []byte `json:"mapKey,omitempty"`
}

// ErrCredentials is the reason for all credentials that are refused.
var ErrCredentials = errors.New("not bus credentials")

// maxCredentialsBytes bounds a credentials file; a real one has about 3 KB.
const maxCredentialsBytes = 64 << 10

// ParseCredentials reads and checks credentials. Unknown keys are errors.
func ParseCredentials(data []byte) (Credentials, error) {
	if len(data) > maxCredentialsBytes {
		return Credentials{}, fmt.Errorf("%w: %d bytes, the limit is %d", ErrCredentials, len(data), maxCredentialsBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var c Credentials
	if err := decoder.Decode(&c); err != nil {
		return Credentials{}, fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	if decoder.More() {
		return Credentials{}, fmt.Errorf("%w: there is more after the first object", ErrCredentials)
	}
	return c, c.Check()
}

// ReadCredentials reads a credentials file.
func ReadCredentials(path string) (Credentials, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("read bus credentials: %w", err)
	}
	c, err := ParseCredentials(data)
	if err != nil {
		return Credentials{}, fmt.Errorf("read %s: %w: enrol again with a new token", path, err)
	}
	return c, nil
}

// Write stores the credentials at path with mode 0600. A reader finds the old file or the new one, never a part.
func (c Credentials) Write(path string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode bus credentials: %w", err)
	}
	if err := writeFile(path, append(data, '\n')); err != nil {
		return fmt.Errorf("write bus credentials: %w", err)
	}
	return nil
}

func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Check says whether the credentials are complete and belong together. It looks at no clock: expired ones pass.
func (c Credentials) Check() error {
	if err := c.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	return nil
}

func (c Credentials) check() error {
	if err := CheckMember(c.Role, c.Name); err != nil {
		return err
	}
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)) {
		return errors.New("ca: no certificate in PEM")
	}
	if err := checkURLs(c.URLs); err != nil {
		return err
	}
	if len(c.MapKey) != 0 && len(c.MapKey) != 32 {
		return fmt.Errorf("mapKey: %d bytes, want 32", len(c.MapKey))
	}
	return c.checkKey()
}

func checkURLs(urls []string) error {
	if len(urls) == 0 {
		return errors.New("urls: none")
	}
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "tls" || u.Host == "" {
			return fmt.Errorf("urls: %q, want tls://host:port", s)
		}
	}
	return nil
}

// checkKey compares the JWT with the seed and the name.
func (c Credentials) checkKey() error {
	claims, err := jwt.DecodeUserClaims(c.JWT)
	if err != nil {
		return fmt.Errorf("jwt: %w", err)
	}
	key, err := nkeys.FromSeed([]byte(c.Seed))
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if claims.Subject != public || claims.Name != c.Name {
		return fmt.Errorf("the JWT is of %q with another key than the seed", claims.Name)
	}
	return nil
}
