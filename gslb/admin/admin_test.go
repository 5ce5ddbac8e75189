package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// socketPath is short: a socket's path has 108 octets at most.
func socketPath(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "admin")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return filepath.Join(folder, "run", "s.sock")
}

// serve runs an API until the test ends.
func serve(t *testing.T, path string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/echo", func(w http.ResponseWriter, r *http.Request) {
		WriteJSON(w, map[string]string{"say": r.FormValue("say")})
	})
	mux.HandleFunc("POST /v1/echo", func(w http.ResponseWriter, r *http.Request) {
		var value map[string]string
		if err := json.NewDecoder(r.Body).Decode(&value); err != nil {
			WriteError(w, http.StatusBadRequest, err)
			return
		}
		WriteJSON(w, value)
	})
	mux.HandleFunc("GET /v1/wrong", func(w http.ResponseWriter, _ *http.Request) {
		WriteError(w, http.StatusBadRequest, errors.New("that is not a name"))
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, path, mux) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left behind: %v", err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		if connection, err := net.Dial("unix", path); err == nil {
			connection.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody listens")
		}
	}
}

func TestAsk(t *testing.T) {
	path := socketPath(t)
	serve(t, path)
	var got map[string]string
	if err := Get(t.Context(), path, "/v1/echo", url.Values{"say": {"a b&c"}}, &got); err != nil || got["say"] != "a b&c" {
		t.Errorf("got %v, %v", got, err)
	}
	if err := Post(t.Context(), path, "/v1/echo", map[string]string{"say": "posted"}, &got); err != nil || got["say"] != "posted" {
		t.Errorf("got %v, %v", got, err)
	}
	if err := Get(t.Context(), path, "/v1/wrong", nil, &got); err == nil || err.Error() != "that is not a name" {
		t.Errorf("a wrong question: %v", err)
	}
	if err := Get(t.Context(), path, "/v1/nothing", nil, &got); err == nil || !strings.Contains(err.Error(), "does not know /v1/nothing") {
		t.Errorf("an unknown path: %v", err)
	}
}

func TestOnlyTheOwnerMayOpen(t *testing.T) {
	path := socketPath(t)
	serve(t, path)
	for file, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v; want %v", file, info.Mode().Perm(), err, want)
		}
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	path := socketPath(t)
	serve(t, path)
	err := Serve(t.Context(), path, http.NotFoundHandler())
	if err == nil || !strings.Contains(err.Error(), "is in use: another daemon runs with it") {
		t.Errorf("got %v", err)
	}
	var got map[string]string
	if err := Get(t.Context(), path, "/v1/echo", nil, &got); err != nil {
		t.Errorf("the first daemon does not answer any more: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := socketPath(t)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false) // as if it had been killed
	listener.Close()
	serve(t, path)
}

func TestNoOtherFileIsRemoved(t *testing.T) {
	path := socketPath(t)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("keep me"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), path, http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "keep me" {
		t.Errorf("the file is %q, %v", data, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	err := Get(t.Context(), filepath.Join(t.TempDir(), "s.sock"), "/v1/status", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "is the daemon running, and are you its user?") {
		t.Errorf("got %v", err)
	}
}
