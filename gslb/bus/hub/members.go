package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
)

// Enroll makes the holder of an NKey the member of that name and issues its JWT, which the bus accepts at once. The
// name's former key, if it is another, is revoked and its connection cut. Errors: those of Authority.Enroll, and those
// of Config.Save.
func (h *Hub) Enroll(ctx context.Context, role bus.Role, name, publicKey string) (userJWT string, err error) {
	err = h.change(ctx, func(next *authority.Authority) error {
		userJWT, err = next.Enroll(role, name, publicKey, time.Now())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("enrol %s %s: %w", role, name, err)
	}
	return userJWT, nil
}

// Renew issues a new JWT to a member for the key it is enrolled with. authority.ErrUnknownMember if it is not.
func (h *Hub) Renew(_ context.Context, name, publicKey string) (userJWT string, err error) {
	userJWT, err = h.cfg.Authority.Renew(name, publicKey, time.Now())
	if err == nil {
		h.count.renewals.Add(1)
	}
	return userJWT, err
}

// Revoke ends a member and cuts its connection. authority.ErrUnknownMember if there is none.
func (h *Hub) Revoke(ctx context.Context, name string) error {
	return h.change(ctx, func(next *authority.Authority) error { return next.Revoke(name, time.Now()) })
}

// change makes a change to the members: on a copy, saved, taken over, told to the bus. An error of the last step leaves
// the change made, and the bus is told again.
func (h *Hub) change(ctx context.Context, apply func(next *authority.Authority) error) error {
	h.changing.Lock()
	defer h.changing.Unlock()
	next := h.cfg.Authority.Clone()
	if err := apply(next); err != nil {
		return err
	}
	if h.cfg.Save != nil {
		value, err := next.Marshal()
		if err != nil {
			return err
		}
		if err := h.cfg.Save(ctx, value); err != nil {
			return fmt.Errorf("save the bus authority: %w", err)
		}
	}
	same := next.SameAccount(h.cfg.Authority)
	h.cfg.Authority.Adopt(next)
	if same {
		return nil
	}
	if err := h.publishAccount(ctx); err != nil {
		poke(h.up) // it is tried again until the bus takes it
		return err
	}
	return nil
}

// claimsError reads a NATS server's answer to an account update.
func claimsError(answer []byte) error {
	var result struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return fmt.Errorf("the bus' answer to the account: %w", err)
	}
	if result.Error != nil {
		return fmt.Errorf("the bus refused the account: %s", result.Error.Description)
	}
	return nil
}
