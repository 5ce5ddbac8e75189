package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestKubeconfigHoldsAClientThatTheCATrusts(t *testing.T) {
	ca, err := NewCA(filepath.Join(t.TempDir(), "pki"), "fra")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fra.kubeconfig")
	subject := Subject{Name: "admin", Groups: []string{"system:masters"}}
	if err := ca.WriteKubeconfig(path, "fra", "https://198.18.1.1:6443", subject); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config Kubeconfig
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(config.Users[0].User.Cert, config.Users[0].User.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(config.Clusters[0].Cluster.CA)
	options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := pair.Leaf.Verify(options); err != nil {
		t.Error(err)
	}
	if pair.Leaf.Subject.CommonName != "admin" || pair.Leaf.Subject.Organization[0] != "system:masters" {
		t.Errorf("subject %s", pair.Leaf.Subject)
	}
}

func TestServerCertificateIsForItsAddress(t *testing.T) {
	ca, err := NewCA(filepath.Join(t.TempDir(), "pki"), "fra")
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Write("apiserver", Subject{Name: "kube-apiserver", DNS: []string{"kubernetes"}, IPs: []net.IP{net.ParseIP("198.18.1.1")}}); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(ca.Path("apiserver.crt"), ca.Path("apiserver.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Leaf.VerifyHostname("198.18.1.1"); err != nil {
		t.Error(err)
	}
	if err := pair.Leaf.VerifyHostname("198.18.2.1"); err == nil {
		t.Error("the certificate is good for another host")
	}
}
