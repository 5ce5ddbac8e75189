// Package admin is the transport of every daemon's admin API: HTTP and JSON on a Unix socket that only its owner may
// open. Daemons listen with it, the CLI asks with it, so status and explain work on a name server that is alone.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const timeout = 10 * time.Second

// maxBody bounds what a client reads.
const maxBody = 16 << 20

// Serve answers on the socket until ctx ends. A socket that a dead process left is replaced.
func Serve(ctx context.Context, path string, handler http.Handler) error {
	listener, err := listen(path)
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: timeout}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	return nil
}

func listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if connection, err := net.DialTimeout("unix", path, time.Second); err == nil {
		connection.Close()
		return nil, fmt.Errorf("%s is in use: another daemon runs with it", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return listener, os.Chmod(path, 0o600)
}

// WriteJSON answers with a value.
func WriteJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value) // the client went away
}

// WriteError answers with a text for people.
func WriteError(w http.ResponseWriter, code int, err error) {
	w.WriteHeader(code)
	fmt.Fprintln(w, err)
}

// Get asks the daemon behind a socket and decodes its answer into value.
func Get(ctx context.Context, socket, path string, query url.Values, value any) error {
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	address := url.URL{Scheme: "http", Host: "tidegate", Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w: is the daemon running, and are you its user?", socket, errors.Unwrap(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("ask %s: %w", socket, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", string(body))
	}
	return json.Unmarshal(body, value)
}
