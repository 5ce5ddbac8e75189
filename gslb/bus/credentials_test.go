package bus_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
)

// someCredentials are complete and belong together; no bus is running.
func someCredentials(t testing.TB) bus.Credentials {
	t.Helper()
	a, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.Enroll(bus.NameServer, "ns1", public, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return bus.Credentials{
		Role: bus.NameServer, Name: "ns1", URLs: []string{"tls://hub:4222"}, CA: string(a.CA()), JWT: text,
		Seed: string(seed), Hub: "https://hub:4223", MapKey: make([]byte, 32),
	}
}

func TestCredentialsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ns1.creds")
	want := someCredentials(t)
	for range 2 { // a new file, then over the old one
		if err := want.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := bus.ReadCredentials(path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	if err := want.Write(filepath.Join(path, "x")); err == nil {
		t.Error("written below a file")
	}
}

func TestCredentialsRefused(t *testing.T) {
	for name, change := range map[string]func(*bus.Credentials){
		"no role":      func(c *bus.Credentials) { c.Role = "" },
		"hub's role":   func(c *bus.Credentials) { c.Role = "hub" },
		"bad name":     func(c *bus.Credentials) { c.Name = "ns1.x" },
		"another name": func(c *bus.Credentials) { c.Name = "ns2" },
		"no URL":       func(c *bus.Credentials) { c.URLs = nil },
		"plain URL":    func(c *bus.Credentials) { c.URLs = []string{"nats://hub:4222"} },
		"no CA":        func(c *bus.Credentials) { c.CA = "" },
		"no JWT":       func(c *bus.Credentials) { c.JWT = "x" },
		"no seed":      func(c *bus.Credentials) { c.Seed = "" },
		"another seed": func(c *bus.Credentials) { c.Seed = someCredentials(t).Seed },
		"short mapKey": func(c *bus.Credentials) { c.MapKey = c.MapKey[:31] },
	} {
		t.Run(name, func(t *testing.T) {
			c := someCredentials(t)
			change(&c)
			if err := c.Check(); !errors.Is(err, bus.ErrCredentials) {
				t.Errorf("%v", err)
			}
		})
	}
	for _, text := range []string{"", "{", "null", "[]", `{"x":1}`, `{} {}`, strings.Repeat(" ", 1<<20)} {
		if _, err := bus.ParseCredentials([]byte(text)); !errors.Is(err, bus.ErrCredentials) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
}

func FuzzParseCredentials(f *testing.F) {
	path := filepath.Join(f.TempDir(), "c")
	if err := someCredentials(f).Write(path); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"role":"site","name":"fra"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := bus.ParseCredentials(data)
		if err != nil {
			if !errors.Is(err, bus.ErrCredentials) {
				t.Fatalf("%v is no ErrCredentials", err)
			}
			return
		}
		if err := c.Check(); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
	})
}

// publicKey is the public half of credentials' seed.
func publicKey(t *testing.T, c bus.Credentials) string {
	t.Helper()
	key, err := nkeys.FromSeed([]byte(c.Seed))
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}
