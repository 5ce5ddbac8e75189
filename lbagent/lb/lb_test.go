package lb

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func frontend(workload string, port uint16, addresses ...string) Frontend {
	f := Frontend{Workload: workload, Listen: port, Protocol: HTTP}
	for _, a := range addresses {
		f.Addresses = append(f.Addresses, netip.MustParseAddr(a))
	}
	return f
}

func TestValidate(t *testing.T) {
	server := Server{Name: "a", Addr: netip.MustParseAddrPort("10.0.0.1:80")}
	edit := func(change func(*Frontend)) Config {
		f := frontend("a/Deployment/b", 80, "192.0.2.1")
		change(&f)
		return Config{Frontends: []Frontend{f}}
	}
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"two addresses":   {Config{Frontends: []Frontend{frontend("a", 80, "192.0.2.1"), frontend("b", 80, "2001:db8::1")}}, ""},
		"no port":         {edit(func(f *Frontend) { f.Listen = 0 }), "no port"},
		"no address":      {edit(func(f *Frontend) { f.Addresses = nil }), "no address"},
		"mapped address":  {Config{Frontends: []Frontend{frontend("a", 80, "::ffff:192.0.2.1")}}, "no address to listen on"},
		"zoned address":   {Config{Frontends: []Frontend{frontend("a", 80, "fe80::1%eth0")}}, "no address to listen on"},
		"udp":             {edit(func(f *Frontend) { f.Protocol = "udp" }), `protocol "udp"`},
		"same port twice": {Config{Frontends: []Frontend{frontend("a", 80, "192.0.2.1"), frontend("b", 80, "192.0.2.1")}}, "served by a already"},
		"server twice":    {edit(func(f *Frontend) { f.Servers = []Server{server, server} }), "its name is there twice"},
		"server nowhere":  {edit(func(f *Frontend) { f.Servers = []Server{{Name: "a"}} }), "no usable address"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.config.Validate()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Validate: %v, want %q", err, c.want)
			}
		})
	}
}

func TestCanonicalLeavesTheOriginal(t *testing.T) {
	original := Config{Frontends: []Frontend{frontend("b", 80, "192.0.2.2", "192.0.2.1"), frontend("a", 81, "192.0.2.1"), frontend("a", 80, "192.0.2.1")}}
	sorted := original.Canonical()
	want := []Frontend{frontend("a", 80, "192.0.2.1"), frontend("a", 81, "192.0.2.1"), frontend("b", 80, "192.0.2.1", "192.0.2.2")}
	if got := sorted.Frontends; got[0].Listen != 80 || got[1].Listen != 81 || !reflect.DeepEqual(got[2].Addresses, want[2].Addresses) {
		t.Errorf("Canonical: %+v", got)
	}
	if original.Frontends[0].Workload != "b" || original.Frontends[0].Addresses[0].String() != "192.0.2.2" {
		t.Errorf("Canonical changed what it was given: %+v", original)
	}
}

func TestFrontendErrors(t *testing.T) {
	port, name := &FrontendError{"a", errors.New("port")}, &FrontendError{"b", errors.New("name")}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		err       error
		workloads int
		only      bool
	}{
		"one":             {port, 1, true},
		"two joined":      {errors.Join(port, name), 2, true},
		"one and another": {errors.Join(port, broken), 1, false},
		"another":         {broken, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			found, only := FrontendErrors(c.err)
			if len(found) != c.workloads || only != c.only {
				t.Errorf("FrontendErrors: %v, %t; want %d workloads, %t", found, only, c.workloads, c.only)
			}
		})
	}
}
