// Package admin is the transport of every daemon's admin API: HTTP and JSON on a Unix socket that only its owner may
// open. Daemons listen with it, the CLI asks with it, so status and explain work on a name server that is alone.
package admin

import (
	"bytes"
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
	"strings"
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
	if err := removeSocket(path); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// removeSocket removes a socket, and nothing else that may lie there.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s is not a socket: remove it, or name another path", path)
	}
	return os.Remove(path)
}

// WriteJSON answers with a value.
func WriteJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value) // the client went away
}

// problem is the body of every answer that is not a success.
type problem struct {
	Error string `json:"error"`
}

// WriteError answers with a reason for people.
func WriteError(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(problem{err.Error()}) // the client went away
}

// Get asks the daemon behind a socket and decodes its answer into value.
func Get(ctx context.Context, socket, path string, query url.Values, value any) error {
	address := url.URL{Scheme: "http", Host: "tidegate", Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return err
	}
	return do(socket, request, value)
}

// Post sends a value to the daemon behind a socket and decodes its answer into another.
func Post(ctx context.Context, socket, path string, body, value any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://tidegate"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	return do(socket, request, value)
}

func do(socket string, request *http.Request, value any) error {
	client := &http.Client{Timeout: timeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w: is the daemon running, and are you its user?", socket, errors.Unwrap(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("ask %s: %w", socket, err)
	}
	if response.StatusCode/100 == 2 {
		return json.Unmarshal(answer, value)
	}
	var p problem
	if response.StatusCode == http.StatusNotFound {
		return fmt.Errorf("ask %s: this daemon does not know %s: explain asks a name server, token asks the hub", socket, request.URL.Path)
	}
	if err := json.Unmarshal(answer, &p); err != nil || p.Error == "" {
		return fmt.Errorf("ask %s: %s: %s", socket, response.Status, strings.TrimSpace(string(answer)))
	}
	return errors.New(p.Error)
}
