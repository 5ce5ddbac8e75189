package authority

import (
	"crypto/ecdsa"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// External is what a NATS server of one's own needs to be this bus.
type External struct {
	// Dir is the folder on that server where the files will lie, such as /etc/nats.
	Dir string
	// Listen is its host:port for members and the hub.
	Listen string
	// Hosts are the names and IP addresses that members and the hub dial it by.
	Hosts []string
	// More is added to the configuration as it is: cluster{}, limits, monitoring.
	More string
}

// Files are the configuration and the TLS files of an external server, by their names below Dir: the server trusts this
// authority's operator and nobody else. Run it with "nats-server -c DIR/nats.conf". The certificate is valid for 90 days
// from now; write the files again before that and signal the server to reload. The files hold a private key.
func (a *Authority) Files(e External, now time.Time) (map[string][]byte, error) {
	accounts, err := a.Accounts()
	if err != nil {
		return nil, err
	}
	operator, err := jwt.DecodeOperatorClaims(a.Operator())
	if err != nil {
		return nil, fmt.Errorf("write a server's files: %w", err)
	}
	certificate, err := a.authority().issue(e.Hosts, now)
	if err != nil {
		return nil, fmt.Errorf("make the server's certificate: %w", err)
	}
	key, ok := certificate.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("make the server's certificate: not an ECDSA key")
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the server's certificate: %w", err)
	}
	return map[string][]byte{
		"nats.conf":  []byte(e.config(a.Operator(), operator.SystemAccount, accounts)),
		"server.crt": chain(certificate.Certificate),
		"server.key": keyPEM,
	}, nil
}

func chain(certificates [][]byte) []byte {
	var text []byte
	for _, der := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

func (e External) config(operator, system string, accounts map[string]string) string {
	var preload strings.Builder
	for _, public := range slices.Sorted(maps.Keys(accounts)) {
		fmt.Fprintf(&preload, "  %s: %s\n", public, accounts[public])
	}
	return fmt.Sprintf(`listen: %q
max_payload: %d
jetstream { store_dir: %q }
tls { cert_file: %q, key_file: %q, timeout: 5 }
operator: %s
system_account: %s
resolver { type: full, dir: %q, allow_delete: false }
resolver_preload {
%s}
%s
`, e.Listen, wire.MaxPayloadBytes, path.Join(e.Dir, "jetstream"), path.Join(e.Dir, "server.crt"),
		path.Join(e.Dir, "server.key"), operator, system, path.Join(e.Dir, "accounts"), preload.String(), e.More)
}
