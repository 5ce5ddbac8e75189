// Package tidegate_test checks the repository itself: which package may import what, and that every package explains
// itself.
package tidegate_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "tidegate.dev/tidegate/"

// pure packages decide; time, randomness and I/O come to them as arguments.
var pure = []string{
	"gslb", "gslb/plan", "gslb/plan/worldfile", "gslb/signal", "gslb/health", "gslb/load", "gslb/loop", "gslb/solve", "gslb/steer",
	"gslb/tally", "gslb/world", "gslb/shift", "gslb/sim", "gslb/sim/baseline", "geodata", "geodata/lines", "geodata/regions", "geodata/xdb", "geodata/operator", "geodata/geofeed",
	"scheduler", "controlplane/work",
}

// impure imports, by prefix, and why a pure package must not have them.
var impure = map[string]string{
	"net/http":                     "sockets belong to gslb/bus, gslb/probe and the daemons",
	"net$":                         "sockets belong to gslb/bus, gslb/probe and the daemons (net/netip is fine)",
	"os$":                          "files belong to gslb/keep, gslb/node and the daemons",
	"os/":                          "processes and signals belong to cmd",
	"log":                          "a decision returns its reasons; the shell logs them",
	"math/rand":                    "randomness is an argument, so that a replay agrees",
	"crypto/rand":                  "randomness is an argument, so that a replay agrees",
	"github.com/prometheus":        "the shell counts",
	"k8s.io/":                      "controllers translate Kubernetes objects; the core never sees one",
	"sigs.k8s.io/":                 "controllers translate Kubernetes objects; the core never sees one",
	"github.com/coredns":           "the plugin translates DNS messages; the core never sees one",
	"tidegate.dev/tidegate/plugin": "the core is below the plugin",
	"tidegate.dev/tidegate/cmd":    "wiring is above everything",
}

// above lists what the packages below a folder must not import, and why.
var above = map[string]map[string]string{
	"gslb":    {module + "controlplane": "the control plane is above the nouns", module + "plugin": "the plugin is above the nouns"},
	"plugin":  {module + "controlplane": "a name server does without the control plane: its half of enrolment is gslb/bus/join"},
	"lbagent": {module + "controlplane": "an agent does without the control plane"},
}

// binaries lists what a program must not contain at all.
var binaries = map[string]map[string]string{
	"cmd/tidegate-dns": {"k8s.io/": "DNS answers when Kubernetes is down", "sigs.k8s.io/": "DNS answers when Kubernetes is down",
		module + "controlplane": "a name server does without the control plane"},
	"cmd/tidegate-hub":  {"github.com/coredns": "the hub answers no query"},
	"cmd/tidegate-site": {"github.com/coredns": "a site answers no query"},
	"cmd/lbagent":       {"github.com/coredns": "an agent answers no query", "k8s.io/": "an agent runs without Kubernetes"},
}

// clock calls that a pure package must not make: time is an argument.
var clock = []string{"time.Now(", "time.Since(", "time.Until(", "time.Sleep(", "time.After(", "time.NewTimer(", "time.NewTicker("}

type goPackage struct {
	Dir        string
	ImportPath string
	Name       string
	Doc        string
	GoFiles    []string
	Imports    []string
}

func TestLayers(t *testing.T) {
	for _, p := range list(t, "./...") {
		folder, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, module), "/")
		imports(t, p, above[folder])
		if !isPure(p.ImportPath) {
			continue
		}
		imports(t, p, impure)
		for _, file := range p.GoFiles {
			noClock(t, filepath.Join(p.Dir, file))
		}
	}
}

// imports fails for what a package imports and must not.
func imports(t *testing.T, p goPackage, forbidden map[string]string) {
	t.Helper()
	for _, path := range p.Imports {
		if why, bad := matches(path, forbidden); bad {
			t.Errorf("%s imports %s: %s", p.ImportPath, path, why)
		}
	}
}

func TestLayersOfBinaries(t *testing.T) {
	for binary, forbidden := range binaries {
		if _, err := os.Stat(binary); err != nil {
			continue
		}
		for _, p := range list(t, "-deps", "./"+binary) {
			if why, bad := matches(p.ImportPath, forbidden); bad {
				t.Errorf("%s contains %s: %s", binary, p.ImportPath, why)
			}
		}
	}
}

func TestPackageDocs(t *testing.T) {
	for _, p := range list(t, "./...") {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package documentation: say what it is, where it stands in the flow, who may call it", p.ImportPath)
		}
	}
}

func isPure(path string) bool {
	for _, p := range pure {
		if path == module+p {
			return true
		}
	}
	return false
}

// matches compares by prefix; a pattern that ends in $ is the whole path.
func matches(path string, forbidden map[string]string) (why string, bad bool) {
	for pattern, why := range forbidden {
		exact, whole := strings.CutSuffix(pattern, "$")
		if whole && path == exact || !whole && strings.HasPrefix(path, pattern) {
			return why, true
		}
	}
	return "", false
}

func noClock(t *testing.T, file string) {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		if path, _ := strconv.Unquote(spec.Path.Value); path == "time" {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range clock {
				if strings.Contains(string(source), call) {
					t.Errorf("%s calls %s): time is an argument of a pure package", file, call)
				}
			}
		}
	}
}

func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	output, err := exec.Command("go", append([]string{"list", "-json=Dir,ImportPath,Name,Doc,GoFiles,Imports"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
