package join

import (
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
)

// The paths of the endpoint. Both take and give JSON.
const (
	EnrollPath = "/v1/enroll"
	RenewPath  = "/v1/renew"
)

// MaxBodyBytes bounds requests and answers.
const MaxBodyBytes = 64 << 10

// EnrollRequest asks for credentials with a token's secret.
type EnrollRequest struct {
	Secret    []byte   `json:"secret"`
	Role      bus.Role `json:"role"`
	Name      string   `json:"name"`
	PublicKey string   `json:"publicKey"`
}

// Grant is what a new member gets; its seed it has itself.
type Grant struct {
	CA     string   `json:"ca"`
	URLs   []string `json:"urls"`
	JWT    string   `json:"jwt"`
	MapKey []byte   `json:"mapKey,omitempty"`
}

// RenewRequest asks for a new JWT; the member's NKey signs it. It holds no time and no nonce: whoever repeats it gets a JWT
// that is useless without the key.
type RenewRequest struct {
	Name      string `json:"name"`
	PublicKey string `json:"publicKey"`
	Signature []byte `json:"signature"`
}

// RenewAnswer is the new JWT.
type RenewAnswer struct {
	JWT string `json:"jwt"`
}

// ErrorAnswer is the body of every answer but 200.
type ErrorAnswer struct {
	Error string `json:"error"`
}

// renewal is what is signed to renew.
func renewal(name, publicKey string) []byte {
	return []byte("tidegate renew v1\n" + name + "\n" + publicKey)
}

// Verify says whether the holder of the key signed the request.
func (r RenewRequest) Verify() bool {
	if !nkeys.IsValidPublicUserKey(r.PublicKey) {
		return false
	}
	key, err := nkeys.FromPublicKey(r.PublicKey)
	return err == nil && key.Verify(renewal(r.Name, r.PublicKey), r.Signature) == nil
}
