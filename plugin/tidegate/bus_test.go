package tidegate

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/bustest"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/node"
	"tidegate.dev/tidegate/gslb/plan"
)

func hubKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed))
}

// signedMap is the small world as a hub publishes it.
func signedMap(t *testing.T, generation uint64, key ed25519.PrivateKey) keep.Kept {
	t.Helper()
	m, err := node.LoadWorld(filepath.Join(smallFolder(t), "world.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := plan.Head{Generation: generation, Digest: plan.DigestOf(data)}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return keep.Kept{Source: keep.Bus, Generation: generation, Head: signed, Data: data}
}

// keepBusMap leaves in a folder what a name server on the bus of hub 1 does, and returns the map's file.
func keepBusMap(t *testing.T, folder string) string {
	t.Helper()
	f, err := keep.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Save(signedMap(t, 7, hubKey(1))); err != nil {
		t.Fatal(err)
	}
	if err := f.SaveKey(hubKey(1).Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	return only(t, folder, "*.map")
}

// busRig is a bus with a map, and credentials for it.
type busRig struct {
	bus         *bustest.Bus
	credentials bus.Credentials
}

func newBusRig(t *testing.T) busRig {
	r := busRig{bus: bustest.Start(t)}
	r.credentials = r.bus.Enroll(bus.NameServer, "ns1")
	r.credentials.MapKey = hubKey(1).Public().(ed25519.PublicKey)
	return r
}

func (r busRig) publish(t *testing.T, k keep.Kept) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Timeout)
	defer cancel()
	digest, err := r.bus.Hub.PublishMap(ctx, k.Data)
	if err == nil {
		_, err = r.bus.Hub.MoveHead(ctx, k.Head, digest, bushub.NoHead)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (r busRig) settings(folder string) settings {
	return settings{busURL: r.bus.Server.URL(), busCreds: filepath.Join(folder, "ns1.creds"), dataFolder: filepath.Join(folder, "data")}
}

func (r busRig) write(t *testing.T, s settings, change func(*bus.Credentials)) {
	t.Helper()
	credentials := r.credentials
	change(&credentials)
	if err := os.RemoveAll(s.busCreds); err != nil {
		t.Fatal(err)
	}
	if err := credentials.Write(s.busCreds); err != nil {
		t.Fatal(err)
	}
}

func asTheyAre(*bus.Credentials) {}

// wrongCredentials are the ways in which a name server's credentials can be no good.
func wrongCredentials(r busRig) map[string]struct {
	write func(t *testing.T, s settings)
	says  string
} {
	type row = struct {
		write func(t *testing.T, s settings)
		says  string
	}
	return map[string]row{
		"missing":   {func(*testing.T, settings) {}, "no such file"},
		"empty":     {func(t *testing.T, s settings) { put(t, s.busCreds, " ") }, "enrol again with a new token"},
		"cut short": {func(t *testing.T, s settings) { r.write(t, s, asTheyAre); damage(t, s.busCreds) }, "enrol again with a new token"},
		"a folder": {func(t *testing.T, s settings) {
			if err := os.Mkdir(s.busCreds, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
		"another role": {func(t *testing.T, s settings) {
			r.write(t, s, func(c *bus.Credentials) { c.Role = bus.Site })
		}, "enrol with a token of role nameserver"},
		"no map key": {func(t *testing.T, s settings) {
			r.write(t, s, func(c *bus.Credentials) { c.MapKey = nil })
		}, "enrol with a token of role nameserver"},
	}
}

// A name server whose credentials cannot be read serves what it kept, says so, and goes on once they are mended.
func TestStartWithoutCredentials(t *testing.T) {
	r := newBusRig(t)
	r.publish(t, signedMap(t, 8, hubKey(1)))
	for name, c := range wrongCredentials(r) {
		t.Run(name, func(t *testing.T) {
			s := r.settings(t.TempDir())
			keepBusMap(t, s.dataFolder)
			c.write(t, s)
			server, _, err := begin(t, s)
			if err != nil {
				t.Fatal(err)
			}
			status := server.node.Status()
			if server.answer(t) != "192.0.2.30" || status.Generation != 7 || !status.FromDisk || !strings.Contains(status.BusTrouble, c.says) {
				t.Errorf("answers %s: %+v", server.answer(t), status)
			}
			r.write(t, s, asTheyAre)
			server.eventually(t, "mended", func(s node.Status) bool { return s.Generation == 8 && !s.FromDisk && s.BusTrouble == "" })
		})
	}
}

// The status follows what is wrong with the credentials.
func TestCredentialsTroubleChanges(t *testing.T) {
	r := newBusRig(t)
	s := r.settings(t.TempDir())
	keepBusMap(t, s.dataFolder)
	server, _, err := begin(t, s)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.busCreds, "{}")
	server.eventually(t, "damaged", func(s node.Status) bool { return strings.Contains(s.BusTrouble, "not bus credentials") })
	if got := server.answer(t); got != "192.0.2.30" {
		t.Errorf("answers %s", got)
	}
}

// With nothing to serve, credentials that cannot be read are an error at the start.
func TestStartWithoutCredentialsAndNothingKept(t *testing.T) {
	r := newBusRig(t)
	stranger := func(t *testing.T, folder string) {
		keepBusMap(t, folder)
		f, err := keep.Open(folder)
		if err == nil {
			err = f.SaveKey(hubKey(2).Public().(ed25519.PublicKey))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, prepare := range map[string]func(t *testing.T, folder string){
		"no folder":        nil,
		"an empty folder":  func(*testing.T, string) {},
		"a map and no key": func(t *testing.T, folder string) { keepBusMap(t, folder); put(t, filepath.Join(folder, "map.key"), "") },
		"a damaged key": func(t *testing.T, folder string) {
			keepBusMap(t, folder)
			put(t, filepath.Join(folder, "map.key"), "07")
		},
		"a key and no map":     func(t *testing.T, folder string) { put(t, keepBusMap(t, folder), "") },
		"a map of another hub": stranger,
		"a damaged map":        func(t *testing.T, folder string) { damage(t, keepBusMap(t, folder)) },
		"a world": func(t *testing.T, folder string) {
			rename(t, keepBusMap(t, folder), ".map", ".x")
			keepWorld(t, folder)
		},
		"a world under its suffix": func(t *testing.T, folder string) {
			put(t, keepBusMap(t, folder), "")
			rename(t, keepWorld(t, folder), ".world", ".map")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := r.settings(t.TempDir())
			if prepare == nil {
				s.dataFolder = ""
			} else {
				prepare(t, s.dataFolder)
			}
			if server, _, err := begin(t, s); err == nil || !strings.Contains(err.Error(), "no such file") {
				t.Errorf("got %v, %v", server, err)
			}
		})
	}
	for name, c := range wrongCredentials(r) {
		t.Run("nothing kept, credentials: "+name, func(t *testing.T) {
			s := r.settings(t.TempDir())
			c.write(t, s)
			if server, _, err := begin(t, s); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v; want %q", server, err, c.says)
			}
		})
	}
}

// A start with good credentials leaves the key of the hub beside its maps, and replaces the key of another hub.
func TestKeyIsKept(t *testing.T) {
	r := newBusRig(t)
	s := r.settings(t.TempDir())
	for _, hub := range []byte{1, 2} {
		key := hubKey(hub).Public().(ed25519.PublicKey)
		r.write(t, s, func(c *bus.Credentials) { c.MapKey = key })
		once(t, s)
		f, err := keep.Open(s.dataFolder)
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := f.LoadKey(); !key.Equal(ed25519.PublicKey(kept)) || err != nil {
			t.Errorf("hub %d: kept %x, %v", hub, kept, err)
		}
	}
}

func TestCredentialsAreLookedAtEvery10Seconds(t *testing.T) {
	s := newBusRig(t).settings(t.TempDir())
	keepBusMap(t, s.dataFolder)
	out, err := newServer(s, nil, nil)
	if err != nil || out.look != 10*time.Second {
		t.Errorf("%+v, %v", out, err)
	}
}
