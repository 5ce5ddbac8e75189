package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// A socket that says nothing for askTimeout is not there; no answer of a healthy HAProxy is longer than maxAnswerBytes.
const (
	askTimeout     = 3 * time.Second
	maxAnswerBytes = 64 << 20
)

// ask sends one line to a socket of HAProxy and reads the answer up to its end. A master keeps the connection for further
// lines until it is told that none will come.
func ask(ctx context.Context, socket, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return "", fmt.Errorf("ask haproxy: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", fmt.Errorf("ask haproxy %.60q: %w", line, err)
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		return "", fmt.Errorf("ask haproxy %.60q: %w", line, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, maxAnswerBytes+1))
	if err != nil {
		return "", fmt.Errorf("ask haproxy %.60q: %w", line, err)
	}
	if len(answer) > maxAnswerBytes {
		return "", errors.New("ask haproxy: the answer does not end")
	}
	return string(answer), nil
}
