package main

import (
	"bytes"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb/steer"
)

// TestWrongUsage: the error names what is missing, shows how it is done, and the exit code is 2.
func TestWrongUsage(t *testing.T) {
	nobody := filepath.Join(t.TempDir(), "nobody.sock")
	tests := []struct {
		args string
		code int
		says []string
	}{
		{"explain --client 192.0.2.1", 2, []string{"usage: NAME is missing: tidegate explain NAME --client IP", "tidegate explain chat.edge.example --client 84.128.0.1"}},
		{"explain a.example b.example --client 192.0.2.1", 2, []string{`unexpected argument "b.example"`, "tidegate explain chat"}},
		{"explain a.example", 2, []string{`"client" not set`}},
		{"explain a.example --client 192.0.2.1 -o yaml", 2, []string{"want table or json"}},
		{"explain a.example --server 192.0.2.1", 2, []string{"unknown flag: --server"}},
		{"token", 2, []string{"ROLE is missing: tidegate token ROLE NAME", "tidegate token site fra"}},
		{"token site", 2, []string{"NAME is missing"}},
		{"status now", 2, []string{`unexpected argument "now"`, "tidegate status -o json"}},
		{"enroll ns1 --token-file a --out b", 2, []string{`unexpected argument "ns1"`, "tidegate enroll --token-file"}},
		{"enroll", 2, []string{`"out", "token-file" not set`}},
		{"explian a.example", 2, []string{`unknown command "explian"`, "Did you mean this?", "explain"}},
		{"geodata verify", 2, []string{"FILE is missing: tidegate geodata verify FILE...", "tidegate geodata verify city.mmdb"}},
		{"geodata frob", 2, []string{`no command "frob"`}},
		{"status --socket " + nobody, 1, []string{nobody}},
		{"", 0, []string{"Available Commands"}},
		{"--help", 0, nil},
		{"token --help", 0, nil},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			command, out := root(), &bytes.Buffer{}
			command.SetArgs(strings.Fields(test.args))
			command.SetOut(out)
			command.SetErr(out)
			if got := exitCode(command.Execute()); got != test.code {
				t.Errorf("exit code %d, want %d", got, test.code)
			}
			for _, says := range test.says {
				if !strings.Contains(out.String(), says) {
					t.Errorf("it does not say %q: %s", says, out)
				}
			}
		})
	}
}

// daemon answers a path of the admin API on a socket of its own.
func daemon(t *testing.T, path, answer string) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "admin.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return socket
}

// TestDone: a command that a daemon answers ends with 0.
func TestDone(t *testing.T) {
	command, out := root(), &bytes.Buffer{}
	command.SetArgs([]string{"status", "--socket", daemon(t, "/v1/status", `{"daemon":"site"}`)})
	command.SetOut(out)
	if err := command.Execute(); exitCode(err) != 0 || !strings.Contains(out.String(), `"daemon": "site"`) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestHubStatus: what is counted is what clients are sent to.
func TestHubStatus(t *testing.T) {
	now := time.Now()
	out := &bytes.Buffer{}
	err := printHub(out, hub.Status{Leading: true, Since: now, Generation: 7,
		Sites: []hub.SiteReportStatus{{Name: "fra", DesiredReplicas: 1, ReadyReplicas: 1, UpReplicas: 0}},
		Names: []hub.NameStatus{{Export: "shop/chat", Name: "chat.shop.edge.example.", Sites: "0/1", ReadyReplicas: 1, Ready: "Ready"}}}, now)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"SITE REPORT UP WORK STATE fra never 0/1 0/0 ok", "SITES UP STATE SINCE GENERATION chat.shop.edge.example. shop/chat 0/1 0 Ready 0"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestOutcomeText(t *testing.T) {
	for want, trace := range map[string]steer.Trace{
		"answered: fra because nothing has capacity: the workload is asleep": {Outcome: "answered", Site: "fra", Reason: "asleep"},
		"answered: fra because none is eligible":                             {Outcome: "answered", Site: "fra", Reason: "all-unhealthy"},
		"no data of this family because no endpoint has an address of it":    {Outcome: "no data of this family", Reason: "no-endpoint"},
		"answered: fra because it is nearest":                                {Outcome: "answered", Site: "fra", Reason: "nearest"},
	} {
		if got := outcomeText(trace); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
