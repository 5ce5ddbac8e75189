package haproxy

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

func record(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParseServers(t *testing.T) {
	got, err := parseServers(record(t, "servers-2.6.12.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]serverState{
		"shop:Deployment:chat:8080/pod-a":   {addr: netip.MustParseAddrPort("127.0.0.1:9101")},
		"shop:Deployment:chat:8080/pod-b":   {addr: netip.MustParseAddrPort("[::1]:9102"), out: true},
		"shop:StatefulSet:queue:6379/pod-a": {addr: netip.MustParseAddrPort("127.0.0.1:9103")},
	}
	for id, state := range got {
		if want[id.String()] != state {
			t.Errorf("%s: %+v, want %+v", id, state, want[id.String()])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d servers, want %d", len(got), len(want))
	}
}

func TestCommands(t *testing.T) {
	const proxy = "shop:Deployment:chat:8080"
	at := func(addr string, out bool) serverState {
		return serverState{addr: netip.MustParseAddrPort(addr), out: out}
	}
	for name, c := range map[string]struct {
		current map[string]serverState
		wanted  []string
		lines   []string
	}{
		"nothing to do": {map[string]serverState{"pod-a": at("10.0.0.1:80", false)}, []string{"10.0.0.1:80"}, nil},
		"a new one comes first, then the old one goes": {
			map[string]serverState{"old": at("10.0.0.9:80", false)}, []string{"[fd00::1]:80"},
			[]string{
				"add server " + proxy + "/pod-a [fd00::1]:80 " + serverOptions + "; enable health " + proxy + "/pod-a; enable server " + proxy + "/pod-a",
				"set server " + proxy + "/old state maint",
				"del server " + proxy + "/old",
			},
		},
		"same name, new address": {map[string]serverState{"pod-a": at("10.0.0.1:80", false)}, []string{"10.0.0.2:81"},
			[]string{"set server " + proxy + "/pod-a addr 10.0.0.2 port 81"}},
		"comes back while it finishes": {map[string]serverState{"pod-a": at("10.0.0.1:80", true)}, []string{"10.0.0.1:80"},
			[]string{"set server " + proxy + "/pod-a state ready"}},
		"still finishing": {map[string]serverState{"pod-a": at("10.0.0.1:80", true)}, nil, []string{"del server " + proxy + "/pod-a"}},
	} {
		t.Run(name, func(t *testing.T) {
			current := map[serverID]serverState{}
			for name, state := range c.current {
				current[serverID{proxy, name}] = state
			}
			var lines []string
			for _, command := range commands(current, config(chat(c.wanted...))) {
				lines = append(lines, command.line)
			}
			if !slices.Equal(lines, c.lines) {
				t.Errorf("commands:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(c.lines, "\n"))
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	for answer, want := range map[string]string{
		"New server registered.\n\n\n\n":                                                   "",
		"Server deleted.\n\n":                                                              "",
		"IP changed from '1' to '2', by x\n":                                               "",
		"no need to change the addr, port changed from '1' to '2' by x\n":                  "",
		"Already exists a server with the same name in backend.\n\n":                       "Already exists a server with the same name in backend.",
		"Server still has connections attached to it, cannot remove it.\n":                 "Server still has connections attached to it, cannot remove it.",
		"New server registered.\n\nNo such server.\n":                                      "No such server.",
		"Unknown command: 'add', but maybe one of the following ones is a better match:\n": "Unknown command: 'add', but maybe one of the following ones is a better match:",
	} {
		if got := refusal(answer); got != want {
			t.Errorf("refusal(%q) = %q, want %q", answer, got, want)
		}
	}
}

func TestParseProcessesAndInfo(t *testing.T) {
	current, old := parseProcesses(record(t, "proc-2.6.12.txt"))
	if current != 30500 || !slices.Equal(old, []int{30480, 30481}) {
		t.Errorf("processes: %d %v", current, old)
	}
	info, err := parseInfo(record(t, "info-2.6.12.txt"))
	if err != nil || info.pid != 30500 || info.digest != "abc" || !strings.HasPrefix(info.version, "2.6.12") {
		t.Errorf("info: %+v %v", info, err)
	}
	if _, err := parseInfo("Name: HAProxy\n"); !errors.Is(err, errState) {
		t.Errorf("info without a process: %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	for _, name := range []string{"servers-2.6.12.txt", "proc-2.6.12.txt", "info-2.6.12.txt", "table-2.6.12.txt"} {
		f.Add(record(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if states, err := parseServers(text); err == nil {
			for id := range states {
				if id.proxy == "" || id.name == "" {
					t.Errorf("a server without a name: %q", id)
				}
			}
		}
		if current, old := parseProcesses(text); current < 0 || slices.Contains(old, 0) {
			t.Errorf("processes %d %v", current, old)
		}
		if requests, err := parseRequests(text); err == nil && requests[""] != 0 {
			t.Errorf("requests of a frontend without a name: %v", requests)
		}
		if info, err := parseInfo(text); err == nil && info.pid <= 0 {
			t.Errorf("info %+v", info)
		}
	})
}
