package authority

import (
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
)

// keepRevoked is how long a key stays on the list of revocations: longer than any JWT that it could still have.
const keepRevoked = 2 * Lifetime

// Enroll makes the holder of an NKey (its public key, "U...") the member of that name, and issues its JWT. The name's
// former key, if it is another, is revoked. Errors: ErrNameTaken, ErrKey, a bad name or role. The caller then saves the
// authority and gives the account's JWT to the servers; hub.Enroll does both.
func (a *Authority) Enroll(role bus.Role, name, publicKey string, now time.Time) (userJWT string, err error) {
	if err := bus.CheckMember(role, name); err != nil {
		return "", err
	}
	if !nkeys.IsValidPublicUserKey(publicKey) {
		return "", fmt.Errorf("enrol %s: %w: %q is not a user's public NKey", name, ErrKey, publicKey)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.takeName(role, name, publicKey, now); err != nil {
		return "", err
	}
	userJWT, err = a.sign(string(role), name, publicKey, now)
	if err != nil {
		return "", fmt.Errorf("enrol %s: %w", name, err)
	}
	return userJWT, nil
}

// takeName enters the member and revokes the one it replaces.
func (a *Authority) takeName(role bus.Role, name, publicKey string, now time.Time) error {
	if _, revoked := a.value.Revoked[publicKey]; revoked {
		return fmt.Errorf("%w: it was revoked: make a new one", ErrKey)
	}
	for other, m := range a.value.Members {
		if m.Key == publicKey && other != name {
			return fmt.Errorf("%w: %s has the same: make a new one", ErrKey, other)
		}
	}
	former, found := a.value.Members[name]
	if found && former.Role != role {
		return fmt.Errorf("%w: %s is a %s: revoke it first or choose another name", ErrNameTaken, name, former.Role)
	}
	if found && former.Key != publicKey {
		a.revokeKey(former.Key, now)
	}
	a.value.Members[name] = Member{Role: role, Key: publicKey}
	return nil
}

// Renew issues a new JWT for a member's key. ErrUnknownMember if the name is not enrolled with that key.
func (a *Authority) Renew(name, publicKey string, now time.Time) (userJWT string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, found := a.value.Members[name]
	if !found || m.Key != publicKey {
		return "", fmt.Errorf("renew %s: %w", name, ErrUnknownMember)
	}
	userJWT, err = a.sign(string(m.Role), name, publicKey, now)
	if err != nil {
		return "", fmt.Errorf("renew %s: %w", name, err)
	}
	return userJWT, nil
}

// Revoke ends a member: its key is refused from now on and the name is free. ErrUnknownMember if there is none.
func (a *Authority) Revoke(name string, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, found := a.value.Members[name]
	if !found {
		return fmt.Errorf("revoke %s: %w", name, ErrUnknownMember)
	}
	a.revokeKey(m.Key, now)
	delete(a.value.Members, name)
	return nil
}

// revokeKey refuses every JWT of the key that exists, and forgets revocations whose JWTs have all expired.
func (a *Authority) revokeKey(publicKey string, now time.Time) {
	maps.DeleteFunc(a.value.Revoked, func(_ string, at int64) bool {
		return now.Sub(time.Unix(at, 0)) > keepRevoked
	})
	a.value.Revoked[publicKey] = now.Unix() + 1 // JWTs count in seconds; one of this second is refused too
}

// Member is the member of a name.
func (a *Authority) Member(name string) (Member, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, found := a.value.Members[name]
	return m, found
}

// Members are all members by name.
func (a *Authority) Members() map[string]Member {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.value.Members)
}

// SameAccount says whether the servers of b need not be told of a: nobody's key was revoked in between.
func (a *Authority) SameAccount(b *Authority) bool {
	return maps.Equal(a.revoked(), b.revoked())
}

func (a *Authority) revoked() map[string]int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.value.Revoked)
}
