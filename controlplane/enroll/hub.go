package enroll

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/join"
)

// Bus enrols keys; *hub.Hub does.
type Bus interface {
	Enroll(ctx context.Context, role bus.Role, name, publicKey string) (userJWT string, err error)
	Renew(ctx context.Context, name, publicKey string) (userJWT string, err error)
}

// HubConfig says what the hub hands to those who join.
type HubConfig struct {
	Bus    Bus
	Tokens Store
	// URL is this endpoint as joiners reach it, "https://hub:4223"; it is in every token and in the credentials.
	URL string
	// CA is the hub's certificate authority in PEM (Authority.CA).
	CA []byte
	// BusURLs are the bus' addresses as members reach them, "tls://hub:4222".
	BusURLs []string
	// MapKey is the ed25519 public key that signs heads.
	MapKey []byte
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Logger says why a token was refused, which the joiner is not told; nil is slog.Default.
	Logger *slog.Logger
}

// Hub is the hub's half of enrolment. Its methods may be called from several goroutines.
type Hub struct {
	cfg    HubConfig
	caHash [sha256.Size]byte
}

// NewHub checks the configuration.
func NewHub(cfg HubConfig) (*Hub, error) {
	block, _ := pem.Decode(cfg.CA)
	if block == nil {
		return nil, errors.New("enrolment: the CA is no certificate in PEM")
	}
	if err := join.CheckURL(cfg.URL); err != nil {
		return nil, fmt.Errorf("enrolment: %w", err)
	}
	if len(cfg.BusURLs) == 0 || len(cfg.MapKey) != ed25519.PublicKeySize {
		return nil, errors.New("enrolment: no bus address, or the map's key is not an ed25519 public key")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Hub{cfg: cfg, caHash: sha256.Sum256(block.Bytes)}, nil
}

// NewToken makes a token that is good once and until lifetime has passed. Only the hash of its secret is kept.
func (h *Hub) NewToken(ctx context.Context, role bus.Role, name string, lifetime time.Duration) (join.Token, error) {
	if err := bus.CheckMember(role, name); err != nil {
		return join.Token{}, fmt.Errorf("make a token: %w", err)
	}
	t := join.Token{URL: h.cfg.URL, Role: role, Name: name, CAHash: h.caHash, Secret: newSecret()}
	record := Record{Hash: hashOf(t.Secret[:]), Role: role, Name: name, Expires: h.cfg.Now().Add(lifetime)}
	if err := h.cfg.Tokens.Add(ctx, record); err != nil {
		return join.Token{}, fmt.Errorf("keep the token for %s %s: %w", role, name, err)
	}
	return t, nil
}

// The bounds of an endpoint that anybody can reach.
const (
	requestTimeout = 10 * time.Second
	maxHeaderBytes = 8 << 10
)

// Serve answers on listener until ctx ends, and closes it; it then returns nil. config is Authority.TLS's.
func (h *Hub) Serve(ctx context.Context, listener net.Listener, config *tls.Config) error {
	s := &http.Server{
		Handler: h.Handler(), TLSConfig: config,
		ReadTimeout: requestTimeout, WriteTimeout: 2 * requestTimeout, IdleTimeout: requestTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(h.cfg.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(listener, "", "") }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve enrolment: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	err := s.Shutdown(stop)
	<-ended
	return err
}
