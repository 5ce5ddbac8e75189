package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/join"
)

// joinInterval is how long a site waits before it asks a hub again that cannot be reached.
const joinInterval = 5 * time.Second

func (o options) credentialsFile() string { return filepath.Join(o.data, "site.creds") }

// credentials are those that the site was enrolled with, or those that its token gets. A hub that is not there yet is
// waited for.
func credentials(ctx context.Context, o options, log *slog.Logger) (bus.Credentials, error) {
	creds, err := bus.ReadCredentials(o.credentialsFile())
	if errors.Is(err, fs.ErrNotExist) {
		creds, err = enrol(ctx, o, log)
	}
	if err != nil {
		return bus.Credentials{}, err
	}
	if creds.Name != o.name || creds.Role != bus.Site {
		return bus.Credentials{}, fmt.Errorf("%s are of %s %q, this is site %q: start it with that -name or with another -data folder",
			o.credentialsFile(), creds.Role, creds.Name, o.name)
	}
	return creds, nil
}

func enrol(ctx context.Context, o options, log *slog.Logger) (bus.Credentials, error) {
	if o.token == "" {
		return bus.Credentials{}, errors.New("this site is not enrolled: make a token at the hub and name its file with -token")
	}
	text, err := os.ReadFile(o.token)
	if err != nil {
		return bus.Credentials{}, fmt.Errorf("read the token: %w", err)
	}
	token, err := join.ParseToken(string(text))
	if err != nil {
		return bus.Credentials{}, fmt.Errorf("read the token in %s: %w", o.token, err)
	}
	if token.Name != o.name || token.Role != bus.Site { // before it is used up
		return bus.Credentials{}, fmt.Errorf("the token in %s is for %s %q, this is site %q: make one for it at the hub", o.token, token.Role, token.Name, o.name)
	}
	joined, err := ask(ctx, token.String(), log)
	if err != nil {
		return bus.Credentials{}, err
	}
	log.Info("enrolled", "credentials", o.credentialsFile())
	return joined.Credentials, joined.Credentials.Write(o.credentialsFile())
}

// ask joins, again and again while the hub cannot be reached.
func ask(ctx context.Context, token string, log *slog.Logger) (join.Joined, error) {
	for {
		joined, err := join.Join(ctx, token)
		if err == nil || errors.Is(err, join.ErrRefused) || errors.Is(err, join.ErrToken) {
			return joined, err
		}
		log.Warn("the hub does not answer; the site enrols once it does", "error", err)
		select {
		case <-ctx.Done():
			return join.Joined{}, fmt.Errorf("enrol: %w", err)
		case <-time.After(joinInterval):
		}
	}
}
