package haproxy

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/lbagent/lb"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs (go test -update writes it):\n%s", path, got)
	}
}

var settings = Settings{Socket: "/var/lib/tidegate/lb/worker.sock", MaxConnections: 1000}

func servers(addrs ...string) []lb.Server {
	var list []lb.Server
	for i, a := range addrs {
		list = append(list, lb.Server{Name: "pod-" + string(rune('a'+i)), Addr: netip.MustParseAddrPort(a)})
	}
	return list
}

func chat(addrs ...string) lb.Frontend {
	return lb.Frontend{
		Workload:  "shop/Deployment/chat",
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		Listen:    8080, Protocol: lb.HTTP, Check: lb.Check{HTTPPath: "/healthz"}, Servers: servers(addrs...),
	}
}

func queue(addrs ...string) lb.Frontend {
	return lb.Frontend{
		Workload: "shop/StatefulSet/queue", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		Listen: 6379, Protocol: lb.TCP, Servers: servers(addrs...),
	}
}

func config(frontends ...lb.Frontend) lb.Config { return lb.Config{Frontends: frontends}.Canonical() }

func TestRender(t *testing.T) {
	for name, c := range map[string]lb.Config{
		"empty.cfg":       config(),
		"two.cfg":         config(chat("10.0.0.1:8000", "[fd00::2]:8000"), queue("10.0.0.3:6379")),
		"no-servers.cfg":  config(chat(), queue()), // TCP is left out: nobody listens
		"tcp-checked.cfg": config(func() lb.Frontend { q := queue("10.0.0.3:6379"); q.Check.HTTPPath = "/live?full=1"; return q }()),
	} {
		t.Run(name, func(t *testing.T) {
			text, _, err := Render(c, settings)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, text)
		})
	}
}

func TestRenderUser(t *testing.T) {
	as := settings
	as.User = "haproxy"
	text, _, err := Render(config(), as)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "user.cfg", text)
}

func TestDigestIsOfEverythingButServers(t *testing.T) {
	digest := func(c lb.Config, s Settings) string {
		_, digest, err := Render(c, s)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	base := digest(config(chat("10.0.0.1:8000"), queue("10.0.0.3:6379")), settings)
	if got := digest(config(chat(), queue("10.0.0.4:6379")), settings); got != base {
		t.Error("other servers changed the digest: every pod would cost a reload")
	}
	other := chat("10.0.0.1:8000")
	other.Check.HTTPPath = "/ready"
	for name, got := range map[string]string{
		"another check":                digest(config(other, queue("10.0.0.3:6379")), settings),
		"TCP without servers":          digest(config(chat("10.0.0.1:8000"), queue()), settings),
		"another limit of connections": digest(config(chat("10.0.0.1:8000"), queue("10.0.0.3:6379")), Settings{Socket: settings.Socket, MaxConnections: 5}),
	} {
		if got == base {
			t.Errorf("%s did not change the digest", name)
		}
	}
}

func TestRenderRefusesWhatCouldChangeItsMeaning(t *testing.T) {
	edit := func(change func(*lb.Frontend)) lb.Frontend {
		f := chat("10.0.0.1:8000")
		change(&f)
		return f
	}
	for name, f := range map[string]lb.Frontend{
		"newline in the workload": edit(func(f *lb.Frontend) { f.Workload = "a/b/c\nfrontend x" }),
		"no workload":             edit(func(f *lb.Frontend) { f.Workload = "" }),
		"long workload":           edit(func(f *lb.Frontend) { f.Workload = strings.Repeat("a", 600) }),
		"space in a server":       edit(func(f *lb.Frontend) { f.Servers[0].Name = "a b" }),
		"semicolon in a server":   edit(func(f *lb.Frontend) { f.Servers[0].Name = "a;shutdown" }),
		"newline in the path":     edit(func(f *lb.Frontend) { f.Check.HTTPPath = "/\n" }),
		"variable in the path":    edit(func(f *lb.Frontend) { f.Check.HTTPPath = "/$HOME" }),
		"quote in the path":       edit(func(f *lb.Frontend) { f.Check.HTTPPath = "/'" }),
		"format in the path":      edit(func(f *lb.Frontend) { f.Check.HTTPPath = "/%[env(HOME)]" }),
		"no slash":                edit(func(f *lb.Frontend) { f.Check.HTTPPath = "healthz" }),
	} {
		t.Run(name, func(t *testing.T) {
			if text, _, err := Render(config(f), settings); !errors.Is(err, errName) {
				t.Errorf("Render: %v, want %v\n%s", err, errName, text)
			}
		})
	}
	if _, _, err := Render(config(), Settings{Socket: "/tmp/it's"}); err == nil {
		t.Error("a quote in the socket's path was taken")
	}
}
