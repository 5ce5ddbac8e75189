package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// How a JWT is renewed.
const (
	renewTick = time.Second
	// firstRenewRetry doubles up to lastRenewRetry while renewing fails.
	firstRenewRetry = time.Second
	lastRenewRetry  = 5 * time.Minute
	// offlinePatience is how long a member stays off the bus before it suspects its JWT.
	offlinePatience = time.Minute
	renewTimeout    = 10 * time.Second
)

// keepRenewed renews the JWT at half of its life, and beside the bus when the bus refuses it, until m.ctx ends. It
// looks every second instead of setting one timer, so that a stepped clock does not matter.
func (m *Member) keepRenewed() {
	tick := time.NewTicker(renewTick)
	defer tick.Stop()
	var notBefore time.Time
	failures, refused := 0, false
	for {
		if now := time.Now(); !now.Before(notBefore) && m.renewalDue(now, refused) {
			life, err := m.renew()
			if refused = false; err != nil {
				failures++
				notBefore = now.Add(renewRetry(failures))
				m.renewalFailed(err)
			} else {
				// A clock that is far ahead of the hub's must not make this a loop.
				failures, notBefore = 0, now.Add(life/4)
			}
		}
		select {
		case <-m.ctx.Done():
			return
		case <-tick.C:
		case <-m.refused:
			refused = true
		}
	}
}

func renewRetry(failures int) time.Duration {
	delay := lastRenewRetry
	if failures < 10 {
		delay = min(lastRenewRetry, firstRenewRetry<<max(failures-1, 0))
	}
	return jitter(delay, 20)
}

func (m *Member) renewalFailed(err error) {
	if m.ctx.Err() != nil {
		return
	}
	m.count.renewalErrors.Add(1)
	m.cfg.Logger.Warn("the bus JWT was not renewed; trying again", "member", m.name, "error", err)
}

func (m *Member) renewalDue(now time.Time, refused bool) bool {
	if m.Connected() {
		issued, life := validity(m.Credentials().JWT)
		return !now.Before(issued.Add(life / 2))
	}
	if m.cfg.Renew == nil {
		return false
	}
	issued, life := validity(m.Credentials().JWT)
	return refused || now.After(issued.Add(life)) || now.Sub(m.lostAt()) > offlinePatience
}

func (m *Member) lostAt() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.offlineSince
}

// validity is when a JWT was issued and how long it is valid.
func validity(text string) (issued time.Time, life time.Duration) {
	claims, err := jwt.DecodeUserClaims(text)
	if err != nil {
		return time.Time{}, 0
	}
	return time.Unix(claims.IssuedAt, 0), time.Duration(claims.Expires-claims.IssuedAt) * time.Second
}

// renew gets a new JWT and reconnects with it. It returns how long that is valid.
func (m *Member) renew() (time.Duration, error) {
	ctx, cancel := context.WithTimeout(m.ctx, renewTimeout)
	defer cancel()
	fresh, err := m.askRenewal(ctx)
	if err != nil {
		return 0, err
	}
	creds := m.Credentials()
	creds.JWT = fresh
	if err := creds.Check(); err != nil {
		return 0, fmt.Errorf("the hub's new JWT: %w", err)
	}
	m.mu.Lock()
	m.creds = creds
	m.mu.Unlock()
	m.count.renewals.Add(1)
	if m.cfg.Saved != nil {
		if err := m.cfg.Saved(creds); err != nil {
			m.cfg.Logger.Error("the renewed bus credentials are not saved", "member", m.name, "error", err)
		}
	}
	_, life := validity(fresh)
	return life, m.conn.Load().ForceReconnect()
}

func (m *Member) askRenewal(ctx context.Context) (string, error) {
	if m.Connected() {
		answer, err := m.ask(ctx, wire.Renew, nil)
		if err == nil {
			return string(answer.Data), nil
		}
		if errors.Is(err, ErrRefused) {
			return "", err
		}
	}
	if m.cfg.Renew == nil {
		return "", ErrOffline
	}
	return m.cfg.Renew(ctx, m.Credentials())
}
