package authority

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// maxConnections bounds the account's connections; a bus has one for each member and hub.
const maxConnections = 8192

// User is a user of the hub's own: made anew for each connection, kept in memory only.
type User struct {
	JWT string
	key nkeys.KeyPair
}

// Sign answers a server's challenge.
func (u User) Sign(nonce []byte) ([]byte, error) { return u.key.Sign(nonce) }

// Operator is the operator's JWT, which every server of this bus trusts.
func (a *Authority) Operator() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.value.OperatorJWT
}

// Accounts are the JWTs of the two accounts by public key, as the servers' resolver must hold them. The members' one
// carries the permission table of this build and all revocations.
func (a *Authority) Accounts() (map[string]string, error) {
	account, err := a.AccountJWT()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	system, err := a.systemJWT()
	if err != nil {
		return nil, fmt.Errorf("sign the system account: %w", err)
	}
	return map[string]string{a.value.Account: account, a.value.SystemAccount: system}, nil
}

// AccountJWT is the members' account.
func (a *Authority) AccountJWT() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	claims := jwt.NewAccountClaims(a.value.Account)
	claims.Name = "TIDEGATE"
	claims.Limits.Conn, claims.Limits.LeafNodeConn = maxConnections, 0
	claims.Limits.DisallowBearer = true
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
	}
	for role, key := range a.keys.roles {
		public, err := key.PublicKey()
		if err != nil {
			return "", fmt.Errorf("sign the members' account: %w", err)
		}
		claims.SigningKeys.AddScopedSigner(scope(role, public))
	}
	for key, at := range a.value.Revoked {
		claims.RevokeAt(key, time.Unix(at, 0))
	}
	text, err := claims.Encode(a.keys.operatorSigning)
	if err != nil {
		return "", fmt.Errorf("sign the members' account: %w", err)
	}
	return text, nil
}

// systemJWT is the system account, which the hub uses to hand an external bus newer account JWTs.
func (a *Authority) systemJWT() (string, error) {
	public, err := a.keys.systemSigning.PublicKey()
	if err != nil {
		return "", err
	}
	claims := jwt.NewAccountClaims(a.value.SystemAccount)
	claims.Name = "SYS"
	claims.SigningKeys.Add(public)
	return claims.Encode(a.keys.operatorSigning)
}

// HubUser makes a user with the hub's rights, for Lifetime from now.
func (a *Authority) HubUser(now time.Time) (User, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return newUser(now, func(public string) (string, error) {
		return a.sign(wire.RoleHub, wire.RoleHub, public, now)
	})
}

// SystemUser makes a user of the system account that may only hand over account JWTs, for an hour from now.
func (a *Authority) SystemUser(now time.Time) (User, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return newUser(now, func(public string) (string, error) {
		claims := jwt.NewUserClaims(public)
		claims.Name = wire.RoleHub
		claims.IssuerAccount = a.value.SystemAccount
		claims.Expires = now.Add(time.Hour).Unix()
		claims.Pub = allow(ClaimsUpdate)
		claims.Sub = allow(wire.HubInboxPrefix + ".>")
		return claims.Encode(a.keys.systemSigning)
	})
}

// ClaimsUpdate is where servers with a full resolver take a newer account JWT.
const ClaimsUpdate = "$SYS.REQ.CLAIMS.UPDATE"

func newUser(now time.Time, issue func(public string) (string, error)) (User, error) {
	key, err := nkeys.CreateUser()
	if err != nil {
		return User{}, fmt.Errorf("make the hub's user: %w", err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return User{}, fmt.Errorf("make the hub's user: %w", err)
	}
	text, err := issue(public)
	if err != nil {
		return User{}, fmt.Errorf("make the hub's user: %w", err)
	}
	return User{JWT: text, key: key}, nil
}

// sign issues a user's JWT under the scoped key of its role. The caller holds the lock.
func (a *Authority) sign(role, name, publicKey string, now time.Time) (string, error) {
	claims := jwt.NewUserClaims(publicKey)
	claims.Name = name
	claims.IssuerAccount = a.value.Account
	claims.Expires = now.Add(Lifetime).Unix()
	claims.SetScoped(true)
	return claims.Encode(a.keys.roles[role])
}
