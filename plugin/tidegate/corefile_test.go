package tidegate

import (
	"reflect"
	"strings"
	"testing"

	"github.com/coredns/caddy"
)

func TestParseGood(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want settings
	}{
		"world": {"tidegate {\n world /w/world.yaml\n}",
			settings{world: "/w/world.yaml"}},
		"all of the world mode": {"tidegate {\n world /w.yaml\n geodata /c.mmdb /a.mmdb\n data /var/tidegate\n admin /run/ns1.sock\n}",
			settings{world: "/w.yaml", geoFiles: []string{"/c.mmdb", "/a.mmdb"}, dataFolder: "/var/tidegate", admin: "/run/ns1.sock"}},
		"city without AS numbers": {"tidegate {\n world /w.yaml\n geodata /c.mmdb\n}",
			settings{world: "/w.yaml", geoFiles: []string{"/c.mmdb"}}},
		"bus": {"tidegate {\n bus tls://hub:4222 /etc/ns1.creds\n}",
			settings{busURL: "tls://hub:4222", busCreds: "/etc/ns1.creds"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(caddy.NewTestController("dns", c.text))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestParseBad(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no source":            {"tidegate", "no source of the map"},
		"empty block":          {"tidegate {\n}", "no source of the map"},
		"two sources":          {"tidegate {\n world /w.yaml\n bus tls://hub:4222 /c\n}", "two sources of the map"},
		"argument":             {"tidegate example.org {\n world /w.yaml\n}", "Wrong argument count"},
		"two blocks":           {"tidegate {\n world /w.yaml\n}\ntidegate {\n world /w.yaml\n}", "one tidegate block per server block"},
		"unknown property":     {"tidegate {\n world /w.yaml\n colour red\n}", `unknown property "colour": want world, bus, geodata, data or admin`},
		"world without a path": {"tidegate {\n world\n}", "Wrong argument count"},
		"two worlds in a line": {"tidegate {\n world /a /b\n}", "Wrong argument count"},
		"bus without a proof":  {"tidegate {\n bus tls://hub:4222\n}", "Wrong argument count"},
		"no geo file":          {"tidegate {\n world /w.yaml\n geodata\n}", "Wrong argument count"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(caddy.NewTestController("dns", c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
