package authority

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// External is what a NATS server of one's own needs to be this bus.
type External struct {
	// Dir is the folder on that server where the files will lie, such as /etc/nats; empty: the one it is started in.
	Dir string
	// Listen is its host:port for members and the hub.
	Listen string
	// Hosts are the names and IP addresses that members and the hub dial it by.
	Hosts []string
	// Name is the server's own name in a cluster, and Cluster the hosts of all its servers; none is no cluster. Servers
	// reach each other on RoutePort and prove themselves by their certificates.
	Name    string
	Cluster []string
	// More is added to the configuration as it is: limits, monitoring.
	More string
}

// RoutePort is where the servers of a cluster reach each other.
const RoutePort = 6222

// Files are the configuration and the TLS files of an external server, by their names below Dir: the server trusts this
// authority's operator and nobody else. Run it with "nats-server -c DIR/nats.conf". The certificate is valid for 90 days
// from now; write the files again before that and signal the server to reload. The files hold a private key; accounts and
// streams lie beside them.
func (a *Authority) Files(e External, now time.Time) (map[string][]byte, error) {
	accounts, err := a.Accounts()
	if err != nil {
		return nil, err
	}
	operator, err := jwt.DecodeOperatorClaims(a.Operator())
	if err != nil {
		return nil, fmt.Errorf("write a server's files: %w", err)
	}
	// In a cluster a server is its neighbours' client too.
	certificate, err := a.authority().issue(e.Hosts, now, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
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
		"ca.crt":     a.CA(),
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
%s%s
`, e.Listen, wire.MaxPayloadBytes, e.file("jetstream"), e.file("server.crt"), e.file("server.key"), operator, system,
		e.file("accounts"), preload.String(), e.cluster(), e.More)
}

func (e External) file(name string) string { return path.Join(e.Dir, name) }

// cluster joins the servers. NATS checks the certificates of both ends of a route by the CA's.
func (e External) cluster() string {
	if len(e.Cluster) == 0 {
		return ""
	}
	host, _, _ := net.SplitHostPort(e.Listen) // the server refuses a wrong one by itself
	var routes []string
	for _, peer := range e.Cluster {
		routes = append(routes, fmt.Sprintf("%q", "tls://"+net.JoinHostPort(peer, strconv.Itoa(RoutePort))))
	}
	return fmt.Sprintf(`server_name: %q
cluster {
  name: tidegate
  listen: %q
  routes: [%s]
  tls { cert_file: %q, key_file: %q, ca_file: %q, timeout: 5 }
}
`, e.Name, net.JoinHostPort(host, strconv.Itoa(RoutePort)), strings.Join(routes, ", "),
		e.file("server.crt"), e.file("server.key"), e.file("ca.crt"))
}
