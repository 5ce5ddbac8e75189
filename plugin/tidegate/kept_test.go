package tidegate

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/gslb/node"
)

// smallWorld has nothing that takes long to compile.
const smallWorld = `
sites: [{name: fra, location: {lat: 50.11, lon: 8.68}}]
zones: [{name: edge.example., nameservers: [ns1.edge.example.], file: db.edge.example}]
services:
- {name: chat.edge.example., steering: {method: failover}, endpoints: [{site: fra, capacity: 1, address: 192.0.2.30}]}
`

func smallFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	put(t, filepath.Join(folder, "world.yaml"), smallWorld)
	put(t, filepath.Join(folder, "db.edge.example"), "www 60 IN CNAME chat\n")
	return folder
}

// begin starts a server as a Corefile's block does; it ends with the test, or by the returned function.
func begin(t *testing.T, s settings) (*server, func(), error) {
	t.Helper()
	out, err := newServer(s, slog.New(slog.NewTextHandler(t.Output(), nil)), nil)
	if err != nil {
		return nil, nil, err
	}
	out.look = 5 * time.Millisecond
	if err := out.start(context.Background()); err != nil {
		return nil, nil, err
	}
	stopped := false
	end := func() {
		if !stopped {
			stopped = true
			if err := out.stop(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	return out, end, nil
}

// once runs a server until it serves, and ends it.
func once(t *testing.T, s settings) {
	t.Helper()
	_, end, err := begin(t, s)
	if err != nil {
		t.Fatal(err)
	}
	end()
}

// eventually waits until the status is as it should be.
func (s *server) eventually(t *testing.T, what string, holds func(node.Status) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(s.node.Status()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: the status says %+v", what, s.node.Status())
		}
	}
}

// answer is the address of chat, or the response code.
func (s *server) answer(t *testing.T) string {
	t.Helper()
	reply := ask(t, &Handler{store: s.node.Store()}, query{name: chat, qtype: dns.TypeA})
	if len(reply.Answer) == 0 {
		return dns.RcodeToString[reply.Rcode]
	}
	return reply.Answer[0].(*dns.A).A.String()
}

// serial is that of a zone without an SOA record of its own.
func (s *server) serial(t *testing.T) uint32 {
	t.Helper()
	reply := ask(t, &Handler{store: s.node.Store()}, query{name: "edge.example.", qtype: dns.TypeSOA})
	return reply.Answer[0].(*dns.SOA).Serial
}

// A name server that starts while its world is broken serves the last good one that it kept, says so, and takes the file
// once it is mended.
func TestStartWithABrokenWorld(t *testing.T) {
	for name, breaks := range map[string]struct {
		file, text string // an empty text removes the file
		says       string
	}{
		"the world is no YAML":   {"world.yaml", "sites: [", "world file"},
		"the world is cut off":   {"world.yaml", "zones:\n- {name: edge.example., nameservers: [ns1.edge.example.]}\n", "services: missing"},
		"the world is missing":   {"world.yaml", "", "read the world"},
		"a zone file is broken":  {"db.edge.example", "www 60 IN NONSENSE\n", "db.edge.example"},
		"a zone file is missing": {"db.edge.example", "", "db.edge.example"},
		"no endpoints":           {"world.yaml", "services:\n- {name: chat.edge.example.}\n", "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the file is looked at twice a second
			folder := smallFolder(t)
			s := settings{world: filepath.Join(folder, "world.yaml"), dataFolder: filepath.Join(folder, "data")}
			once(t, s)
			path := filepath.Join(folder, breaks.file)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			put(t, path, breaks.text)
			server, _, err := begin(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if got := server.answer(t); got != "192.0.2.30" || server.serial(t) != 1 {
				t.Errorf("answers %s with serial %d", got, server.serial(t))
			}
			server.eventually(t, "broken", func(s node.Status) bool {
				return s.FromDisk && s.Generation == 1 && strings.Contains(s.LastRefused, breaks.says)
			})
			put(t, path, string(good))
			server.eventually(t, "mended", func(s node.Status) bool { return !s.FromDisk && s.Generation == 1 && s.LastRefused == "" })
			put(t, s.world, strings.Replace(smallWorld, "192.0.2.30", "192.0.2.77", 1))
			server.eventually(t, "changed", func(s node.Status) bool { return s.Generation == 2 })
			if got := server.answer(t); got != "192.0.2.77" || server.serial(t) != 2 {
				t.Errorf("changed: answers %s with serial %d", got, server.serial(t))
			}
		})
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	err := os.Remove(path)
	if text != "" {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// The generation, and with it the serial, goes on over restarts: it moves when the world does.
func TestSerialGoesOnOverRestarts(t *testing.T) {
	folder := smallFolder(t)
	kept := settings{world: filepath.Join(folder, "world.yaml"), dataFolder: filepath.Join(folder, "data")}
	for i, step := range []struct {
		old, text string
		want      uint32
	}{
		{"", "", 1}, {"", "", 1}, {"192.0.2.30", "192.0.2.31", 2}, {"", "", 2}, {"192.0.2.31", "192.0.2.30", 3},
	} {
		replaceIn(t, kept.world, step.old, step.text)
		server, end, err := begin(t, kept)
		if err != nil {
			t.Fatal(err)
		}
		if got := server.serial(t); got != step.want || server.node.Status().FromDisk {
			t.Errorf("start %d: serial %d, want %d; %+v", i, got, step.want, server.node.Status())
		}
		end()
	}
}

// With nothing kept a broken world is an error at the start, and what the bus left in the folder is no world.
func TestStartWithABrokenWorldAndNothingKept(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, folder string){
		"no folder":           nil,
		"an empty folder":     func(*testing.T, string) {},
		"a map of the bus":    func(t *testing.T, folder string) { keepBusMap(t, folder) },
		"a bus map, renamed":  func(t *testing.T, folder string) { rename(t, keepBusMap(t, folder), ".map", ".world") },
		"a damaged world":     func(t *testing.T, folder string) { damage(t, keepWorld(t, folder)) },
		"a world, a bit lost": func(t *testing.T, folder string) { replaceIn(t, keepWorld(t, folder), "192.0.2.30", "192.0.2.31") },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			s := settings{world: filepath.Join(folder, "world.yaml")}
			if prepare != nil {
				s.dataFolder = filepath.Join(folder, "data")
				prepare(t, s.dataFolder)
			}
			put(t, s.world, "sites: 3\n")
			server, _, err := begin(t, s)
			if err == nil || !strings.Contains(err.Error(), "world file "+s.world) {
				t.Errorf("got %v, %v", server, err)
			}
		})
	}
}

// keepWorld runs a name server on the example world, and returns the file that it kept.
func keepWorld(t *testing.T, folder string) string {
	t.Helper()
	once(t, settings{world: filepath.Join(smallFolder(t), "world.yaml"), dataFolder: folder})
	return only(t, folder, "*.world")
}

func only(t *testing.T, folder, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s in %s: %v, %v", pattern, folder, files, err)
	}
	return files[0]
}

func rename(t *testing.T, path, old, suffix string) {
	t.Helper()
	if err := os.Rename(path, strings.TrimSuffix(path, old)+suffix); err != nil {
		t.Fatal(err)
	}
}

// damage cuts a file in half.
func damage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(data[:len(data)/2]))
}
