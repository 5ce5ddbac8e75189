package tidegate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	"github.com/miekg/dns"
)

// startServer runs a real CoreDNS on loopback, and returns its UDP and TCP address.
func startServer(t *testing.T, block string) (udp, tcp string) {
	t.Helper()
	prepareCaddy(t)
	instance, err := caddy.Start(corefile(block))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range instance.ShutdownCallbacks() {
			t.Error(err)
		}
		if err := instance.Stop(); err != nil {
			t.Error(err)
		}
	})
	server := instance.Servers()[0]
	return server.LocalAddr().String(), server.Addr().String()
}

func prepareCaddy(t *testing.T) {
	t.Helper()
	caddy.Quiet, dnsserver.Quiet = true, true
	if err := dnsserver.Register(); err != nil {
		t.Fatal(err)
	}
	if err := dnsserver.SetDirectives([]string{"bind", "tidegate"}); err != nil {
		t.Fatal(err)
	}
}

func corefile(block string) caddy.Input {
	text := fmt.Sprintf(".:0 {\n bind 127.0.0.1\n tidegate {\n%s\n}\n}\n", block)
	return caddy.CaddyfileInput{Contents: []byte(text), Filepath: "Corefile", ServerTypeName: "dns"}
}

// exampleFolder is a copy of testdata, with a name whose answer is larger than a datagram.
func exampleFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "big 300 IN TXT \"%02d %s\"\n", i, strings.Repeat("x", 20))
	}
	replaceIn(t, filepath.Join(folder, "db.edge.example"), "ns1 ", text.String()+"ns1 ")
	return folder
}

func replaceIn(t *testing.T, path, old, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(data), old, text, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestServer holds one real server against clients over UDP and TCP. Its parts come in order.
func TestServer(t *testing.T) {
	folder := exampleFolder(t)
	udp, tcp := startServer(t, "world "+filepath.Join(folder, "world.yaml"))
	t.Run("UDP", func(t *testing.T) { askServer(t, "udp", udp) })
	t.Run("TCP", func(t *testing.T) { askServer(t, "tcp", tcp) })
	t.Run("truncation", func(t *testing.T) { truncation(t, udp, tcp) })
	t.Run("changed world", func(t *testing.T) { changedWorld(t, folder, udp) })
}

func askServer(t *testing.T, network, address string) {
	client := dns.Client{Net: network, Timeout: 5 * time.Second}
	q := query{name: "ChAt.edge.example.", qtype: dns.TypeA, ecs: "84.128.0.0/24"}
	reply, _, err := client.Exchange(q.message(), address)
	if err != nil {
		t.Fatal(err)
	}
	if got := sections(reply); len(got) != 1 || got[0] != "an ChAt.edge.example. 30 IN A 192.0.2.30" {
		t.Errorf("got %v", got)
	}
	direct := subnetIn(reply)
	if direct == nil || direct.SourceScope == 0 {
		t.Fatalf("no scope in %v", reply)
	}
	q.name = "www.edge.example."
	if reply, _, err = client.Exchange(q.message(), address); err != nil {
		t.Fatal(err)
	}
	if through := subnetIn(reply); len(reply.Answer) != 2 || through == nil || through.SourceScope != direct.SourceScope {
		t.Errorf("through a CNAME: %v, want the scope %d", reply, direct.SourceScope)
	}
}

// A client that says nothing takes 512 octets (RFC 1035 section 2.3.4) and gets the mark to come back over TCP.
func truncation(t *testing.T, udp, tcp string) {
	m := new(dns.Msg).SetQuestion("big.edge.example.", dns.TypeTXT)
	reply, _, err := (&dns.Client{Net: "udp"}).Exchange(m, udp)
	if err != nil || !reply.Truncated {
		t.Errorf("UDP: %v, %v", reply, err)
	}
	reply, _, err = (&dns.Client{Net: "tcp"}).Exchange(m, tcp)
	if err != nil || reply.Truncated || len(reply.Answer) != 60 {
		t.Errorf("TCP: %v, %v", reply, err)
	}
}

// RFC 6891 section 6.2.3: "Values lower than 512 MUST be treated as equal to 512." No answer is ever sent in fragments.
func TestPayloadSize(t *testing.T) {
	folder := exampleFolder(t)
	udp, _ := startServer(t, "world "+filepath.Join(folder, "world.yaml"))
	for asked, bound := range map[uint16]int{100: 512, 512: 512, 1000: 1000, 1232: 1232, 4096: 1232} {
		m := new(dns.Msg).SetQuestion("big.edge.example.", dns.TypeTXT)
		m.SetEdns0(asked, false)
		reply, _, err := (&dns.Client{Net: "udp"}).Exchange(m, udp)
		if err != nil {
			t.Errorf("asked with %d: %v", asked, err)
			continue
		}
		reply.Compress = true
		if got := int(reply.IsEdns0().UDPSize()); reply.Len() > bound || !reply.Truncated || got != bound {
			t.Errorf("asked with %d: %d octets, truncated %v, advertises %d", asked, reply.Len(), reply.Truncated, got)
		}
	}
}

// RFC 6891 section 6.1.1: "If a query message with more than one OPT RR is received, a FORMERR (RCODE=1) MUST be
// returned."
func TestTwoOPTRecords(t *testing.T) {
	m := query{name: chat, qtype: dns.TypeA, ecs: "84.128.0.0/24"}.message()
	m.Extra = append(m.Extra, dns.Copy(m.IsEdns0()))
	if reply := exchange(t, exampleHandler(t), &recorder{remote: remoteAddr("198.51.100.1")}, m); reply.Rcode != dns.RcodeFormatError || len(reply.Answer) > 0 {
		t.Errorf("got %v", reply)
	}
}

// A changed file is swapped in while the server answers.
func changedWorld(t *testing.T, folder, udp string) {
	replaceIn(t, filepath.Join(folder, "world.yaml"), "192.0.2.30", "192.0.2.77")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for got := ""; got != "192.0.2.77"; {
		switch got = addressOf(ctx, udp); {
		case got == "192.0.2.30" || got == "192.0.2.77":
		default:
			t.Fatalf("got %q while the world changed", got)
		}
	}
}

// A broken file is an error at the start, with its line; nothing listens then.
func TestServerRefusesABrokenWorld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "world.yaml")
	if err := os.WriteFile(path, []byte("zones:\n- {name: edge.example.}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	prepareCaddy(t)
	_, err := caddy.Start(corefile("world " + path))
	if err == nil || !strings.Contains(err.Error(), "line 2: zones[0].nameservers") {
		t.Errorf("got %v", err)
	}
}

func addressOf(ctx context.Context, server string) string {
	m := query{name: chat, qtype: dns.TypeA, ecs: "84.128.0.0/24"}.message()
	reply, err := dns.ExchangeContext(ctx, m, server)
	if err != nil {
		return err.Error()
	}
	if len(reply.Answer) == 0 {
		return dns.RcodeToString[reply.Rcode]
	}
	return reply.Answer[0].(*dns.A).A.String()
}
