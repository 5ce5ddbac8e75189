// Package pki makes the certificates and kubeconfigs of one Kubernetes cluster of the dev cluster: one CA, which signs
// servers and clients alike, and a key for service account tokens. All of it lives as long as the run.
//
// Only devcluster calls it.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime is longer than any dev cluster runs.
const lifetime = 365 * 24 * time.Hour

// CA is a cluster's certificate authority. Its files are in a folder of their own.
type CA struct {
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	pem    []byte
}

// Subject is whom a certificate is for. Kubernetes reads the name as the user and the groups as its groups.
type Subject struct {
	Name   string
	Groups []string
	DNS    []string // not empty: it is a server's certificate too
	IPs    []net.IP
}

// NewCA makes a CA, writes ca.crt, ca.key and the service account key sa.key into the folder, and returns it.
func NewCA(folder, name string) (*CA, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	ca := &CA{folder: folder, cert: cert, key: key, pem: encode("CERTIFICATE", der)}
	return ca, ca.writeOwn()
}

func (c *CA) writeOwn() error {
	sa, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	for name, key := range map[string]*ecdsa.PrivateKey{"ca.key": c.key, "sa.key": sa} {
		data, err := encodeKey(key)
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.Path(name), data, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(c.Path("ca.crt"), c.pem, 0o644)
}

// Path is where a file of the CA is.
func (c *CA) Path(file string) string { return filepath.Join(c.folder, file) }

// Issue makes a certificate and returns it with its key, both PEM.
func (c *CA) Issue(s Subject) (cert, key []byte, err error) {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: s.Name, Organization: s.Groups},
		NotBefore: c.cert.NotBefore, NotAfter: c.cert.NotAfter, DNSNames: s.DNS, IPAddresses: s.IPs,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(s.DNS) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, priv.Public(), c.key)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate of %s: %w", s.Name, err)
	}
	key, err = encodeKey(priv)
	return encode("CERTIFICATE", der), key, err
}

// Write makes a certificate and writes it to NAME.crt and NAME.key in the CA's folder.
func (c *CA) Write(name string, s Subject) error {
	cert, key, err := c.Issue(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Path(name+".key"), key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(c.Path(name+".crt"), cert, 0o644)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encode("EC PRIVATE KEY", der), nil
}
