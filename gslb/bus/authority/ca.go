package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// The lifetimes of certificates. Clocks of members may be a day behind.
const (
	caLifetime     = 20 * 365 * 24 * time.Hour
	serverLifetime = 90 * 24 * time.Hour
	clockSkew      = 24 * time.Hour
)

// ca is the hub's own certificate authority. It signs the servers of the bus and of enrolment, nobody else: members
// prove themselves by their NKey.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func makeCA(now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := certificate("tidegate hub CA", now, caLifetime)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	keyPEM, err = encodeKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM, err
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certificate(name string, now time.Time, lifetime time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: now.Add(-clockSkew),
		NotAfter:  now.Add(lifetime),
	}
}

func openCA(certPEM, keyPEM []byte) (*ca, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("certificate authority: not one of ours")
	}
	return &ca{cert: pair.Leaf, key: key}, nil
}

func (c *ca) hash() [32]byte { return sha256.Sum256(c.cert.Raw) }

func (c *ca) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

// issue makes a server's certificate. The chain that the server sends ends with the authority's, by whose hash those
// who enrol find it.
func (c *ca) issue(hosts []string, now time.Time, usage ...x509.ExtKeyUsage) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate("tidegate hub", now, serverLifetime)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = usage
	setHosts(template, hosts)
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key.Public(), c.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, c.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func setHosts(template *x509.Certificate, hosts []string) {
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(host); err == nil {
			template.IPAddresses = append(template.IPAddresses, addr.AsSlice())
			continue
		}
		template.DNSNames = append(template.DNSNames, host)
	}
}

func (c *ca) serverTLS(hosts []string) (*tls.Config, error) {
	s := &served{ca: c, hosts: hosts}
	if _, err := s.certificate(nil); err != nil {
		return nil, fmt.Errorf("make the server's certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: s.certificate}, nil
}

// served is the certificate of one running server.
type served struct {
	ca    *ca
	hosts []string

	mu      sync.Mutex
	current *tls.Certificate
}

// certificate is the current one, or a new one once half of its time is over.
func (s *served) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.current != nil && now.Before(s.current.Leaf.NotAfter.Add(-serverLifetime/2)) {
		return s.current, nil
	}
	fresh, err := s.ca.issue(s.hosts, now, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	s.current = fresh
	return fresh, nil
}
