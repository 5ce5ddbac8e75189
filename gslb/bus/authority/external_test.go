package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/bus/authority"
)

// TestFiles: what a server of one's own gets. That NATS takes it is tested where servers are started.
func TestFiles(t *testing.T) {
	cluster := []string{"nats1", "nats2", "2001:db8::3"}
	tests := []struct {
		name     string
		external authority.External
		has, not []string
	}{
		{"alone", authority.External{Dir: "/etc/nats", Listen: "0.0.0.0:4222", Hosts: cluster[:1]},
			[]string{`listen: "0.0.0.0:4222"`, `"/etc/nats/server.crt"`, `store_dir: "/etc/nats/jetstream"`, "type: full"}, []string{"cluster {"}},
		{"in a cluster", authority.External{Listen: "0.0.0.0:4222", Hosts: cluster, Name: "nats2", Cluster: cluster},
			[]string{`cert_file: "server.crt"`, `server_name: "nats2"`, `listen: "0.0.0.0:6222"`, `ca_file: "ca.crt"`,
				`routes: ["tls://nats1:6222", "tls://nats2:6222", "tls://[2001:db8::3]:6222"]`}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t)
			files, err := a.Files(test.external, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			config := string(files["nats.conf"])
			for _, part := range test.has {
				if !strings.Contains(config, part) {
					t.Errorf("nats.conf lacks %s", part)
				}
			}
			for _, part := range test.not {
				if strings.Contains(config, part) {
					t.Errorf("nats.conf has %s", part)
				}
			}
			for _, host := range test.external.Hosts {
				verify(t, a, leaf(t, files["server.crt"]), host, x509.ExtKeyUsageServerAuth, true)
				verify(t, a, leaf(t, files["server.crt"]), host, x509.ExtKeyUsageClientAuth, true)
			}
		})
	}
}

// TestHubIsNoRoute: the hub's own servers cannot join a cluster.
func TestHubIsNoRoute(t *testing.T) {
	a := newAuthority(t)
	config, err := a.TLS([]string{"hub"})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := config.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	verify(t, a, certificate.Leaf, "hub", x509.ExtKeyUsageServerAuth, true)
	verify(t, a, certificate.Leaf, "hub", x509.ExtKeyUsageClientAuth, false)
}

func leaf(t *testing.T, chain []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(chain)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func verify(t *testing.T, a *authority.Authority, c *x509.Certificate, host string, usage x509.ExtKeyUsage, want bool) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.CA())
	_, err := c.Verify(x509.VerifyOptions{Roots: pool, DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}})
	if (err == nil) != want {
		t.Errorf("certificate for %s, usage %v: %v", host, usage, err)
	}
}
