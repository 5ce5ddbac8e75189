package kubeconfig

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/klog/v2"
)

const good = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://192.0.2.1:6443"}}]
contexts: [{name: x, context: {cluster: c}}]
current-context: x
`

// TestRead: the one line of the error says what to do, and client-go says nothing beside it.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		file, host string // host: KUBERNETES_SERVICE_HOST, as in a pod
		says       string // empty: it is read
	}{
		"a file":                   {write("good", good), "", ""},
		"a file, in a pod":         {write("good", good), "192.0.2.9", ""},
		"no such file":             {filepath.Join(dir, "none"), "", "no such file"},
		"not a kubeconfig":         {write("bad", "hello"), "", "find the Kubernetes API: "},
		"not in a pod":             {"", "", "not in a pod: name a kubeconfig with -kubeconfig"},
		"a pod without an account": {"", "192.0.2.9", "check the pod's service account, or name a kubeconfig with -kubeconfig"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBERNETES_SERVICE_HOST", c.host)
			t.Setenv("KUBERNETES_SERVICE_PORT", "443")
			var log bytes.Buffer
			klog.SetSlogLogger(slog.New(slog.NewTextHandler(&log, nil)))
			t.Cleanup(klog.ClearLogger)
			config, err := Read(c.file)
			switch {
			case c.says == "" && (err != nil || config.Host != "https://192.0.2.1:6443"):
				t.Errorf("got %v, %v", config, err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasSuffix(err.Error(), "name a kubeconfig with -kubeconfig")):
				t.Errorf("error %v, want %q", err, c.says)
			}
			klog.Flush()
			if log.Len() > 0 {
				t.Errorf("the log says %s", log.String())
			}
		})
	}
}
