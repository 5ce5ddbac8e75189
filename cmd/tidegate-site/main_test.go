package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/bustest"
	"tidegate.dev/tidegate/gslb/bus/join"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"-name", "fra", "-data", "d", "-address", "192.0.2.1,2001:db8::1", "-address", "::ffff:192.0.2.2"})
	if err != nil || o.sets.String() != "192.0.2.1,2001:db8::1 192.0.2.2" || o.admin != filepath.Join("d", "admin.sock") {
		t.Errorf("%+v %v", o, err)
	}
	for name, args := range map[string][]string{
		"no name":        {"-address", "192.0.2.1"},
		"no address":     {"-name", "fra"},
		"not an address": {"-name", "fra", "-address", "fra.example"},
		"same twice":     {"-name", "fra", "-address", "192.0.2.1", "-address", "192.0.2.1"},
		"an argument":    {"-name", "fra", "-address", "192.0.2.1", "more"},
	} {
		if _, err := parse(args); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestCredentials(t *testing.T) {
	hub := bustest.Start(t)
	mine, other := hub.Enroll(bus.Site, "fra"), hub.Enroll(bus.Site, "pek")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		token string
		keep  *bus.Credentials
		want  string
	}{
		"enrolled":             {keep: &mine},
		"another's data":       {keep: &other, want: `of site "pek", this is site "fra"`},
		"no token":             {want: "name its file with -token"},
		"token's file missing": {token: filepath.Join(dir, "none"), want: "read the token"},
		"not a token":          {token: write("bad", "hello"), want: "not an enrolment token"},
		"token of another":     {token: write("pek", join.Token{URL: "https://127.0.0.1:1", Role: bus.Site, Name: "pek"}.String()), want: `for site "pek", this is site "fra"`},
		"token of another role": {token: write("ns", join.Token{URL: "https://127.0.0.1:1", Role: bus.NameServer, Name: "fra"}.String()),
			want: "this is site"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options{name: "fra", data: t.TempDir(), token: c.token}
			if c.keep != nil {
				if err := c.keep.Write(o.credentialsFile()); err != nil {
					t.Fatal(err)
				}
			}
			creds, err := credentials(t.Context(), o, slog.New(slog.DiscardHandler))
			if c.want == "" && (err != nil || creds.Name != "fra") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%q %v, want %q", creds.Name, err, c.want)
			}
		})
	}
}

// Outside a pod the one line says what to do, and client-go says nothing beside it.
func TestNotInAPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	var log bytes.Buffer
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(klog.ClearLogger)
	err := run(t.Context(), options{name: "fra", data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.HasSuffix(err.Error(), "not in a pod: name a kubeconfig with -kubeconfig") {
		t.Errorf("error %v", err)
	}
	klog.Flush()
	if log.Len() > 0 {
		t.Errorf("the log says %s", log.String())
	}
}

const kubeconfigText = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`

// The site's API server is not there: the site runs all the same, says so, and ends when it is told.
func TestRunWithoutTheCluster(t *testing.T) {
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("haproxy is not installed: apt-get install haproxy")
	}
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	dir, err := os.MkdirTemp("", "tg") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o := options{name: "fra", data: dir, kubeconfig: filepath.Join(dir, "kubeconfig"), haproxy: "haproxy", admin: filepath.Join(dir, "admin.sock")}
	if err := errors.Join(o.sets.Set("127.0.0.1"), os.WriteFile(o.kubeconfig, []byte(kubeconfigText), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := bustest.Start(t).Enroll(bus.Site, "fra").Write(o.credentialsFile()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, o, bustest.Logger(t)) }()
	var status struct {
		Connected, Watching bool
		Site                string
		Sequence            uint64
	}
	for end := time.Now().Add(bustest.Timeout); !status.Connected || status.Sequence == 0; time.Sleep(10 * time.Millisecond) {
		if err := admin.Get(ctx, o.admin, "/v1/status", nil, &status); err != nil && time.Now().After(end) {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("status %+v", status)
		}
	}
	if status.Site != "fra" || status.Watching {
		t.Errorf("status %+v", status)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
