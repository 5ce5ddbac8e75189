package enroll

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"tidegate.dev/tidegate/gslb/bus"
)

// Record is what the hub keeps of a token.
type Record struct {
	// Hash is the SHA-256 of the secret, in hexadecimal.
	Hash    string    `json:"hash"`
	Role    bus.Role  `json:"role"`
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"`
	// UsedBy is the public key that joined with it; empty: it is open.
	UsedBy string `json:"usedBy,omitempty"`
}

// Store keeps the records of tokens until they expire; it may drop those that have.
type Store interface {
	Add(ctx context.Context, r Record) error
	// Get reads the record with a hash. ErrNoRecord: there is none.
	Get(ctx context.Context, hash string) (Record, error)
	// Use sets UsedBy of the record with a hash, if it is empty, in one step: of several concurrent calls one wins. The
	// record is returned as it then is, whoever won. ErrNoRecord: there is none.
	Use(ctx context.Context, hash, publicKey string) (Record, error)
}

// ErrNoRecord is returned by a Store that has no such record.
var ErrNoRecord = errors.New("no such token")

// newSecret makes a secret of 256 bits.
func newSecret() (secret [32]byte) {
	_, _ = rand.Read(secret[:]) // never fails, see crypto/rand
	return secret
}

// hashOf is what the hub keeps of a secret. The secret is random, so that nothing slower is needed.
func hashOf(secret []byte) string {
	sum := sha256.Sum256(secret)
	return hex.EncodeToString(sum[:])
}
