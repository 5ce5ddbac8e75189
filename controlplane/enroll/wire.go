package enroll

import (
	"github.com/nats-io/nkeys"

	"tidegate.dev/tidegate/gslb/bus"
)

// The paths of the endpoint. Both take and give JSON.
const (
	enrollPath = "/v1/enroll"
	renewPath  = "/v1/renew"
)

// maxBodyBytes bounds requests and answers.
const maxBodyBytes = 64 << 10

type enrollRequest struct {
	Secret    []byte   `json:"secret"`
	Role      bus.Role `json:"role"`
	Name      string   `json:"name"`
	PublicKey string   `json:"publicKey"`
}

type grant struct {
	CA     string   `json:"ca"`
	URLs   []string `json:"urls"`
	JWT    string   `json:"jwt"`
	MapKey []byte   `json:"mapKey,omitempty"`
}

// renewRequest is signed by the member's NKey. It holds no time and no nonce: whoever repeats it gets a JWT that is
// useless without the key.
type renewRequest struct {
	Name      string `json:"name"`
	PublicKey string `json:"publicKey"`
	Signature []byte `json:"signature"`
}

type renewAnswer struct {
	JWT string `json:"jwt"`
}

type errorAnswer struct {
	Error string `json:"error"`
}

// renewal is what is signed to renew.
func renewal(name, publicKey string) []byte {
	return []byte("tidegate renew v1\n" + name + "\n" + publicKey)
}

// verify says whether the holder of the key signed the request.
func (r renewRequest) verify() bool {
	if !nkeys.IsValidPublicUserKey(r.PublicKey) {
		return false
	}
	key, err := nkeys.FromPublicKey(r.PublicKey)
	return err == nil && key.Verify(renewal(r.Name, r.PublicKey), r.Signature) == nil
}
