package join

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tidegate.dev/tidegate/gslb/bus"
)

// Token is an invitation to join once, for one role and name. Its string is what a person carries; it is a secret
// until it is used.
type Token struct {
	// URL is the hub's enrolment endpoint, "https://hub:4223".
	URL  string
	Role bus.Role
	Name string
	// CAHash is the SHA-256 of the hub's CA certificate: the joiner trusts no other.
	CAHash [sha256.Size]byte
	Secret [32]byte
}

// ErrToken is the reason for every string that is not a token.
var ErrToken = errors.New("not an enrolment token")

const (
	tokenPrefix   = "tidegate-v1."
	maxTokenBytes = 2048
)

// tokenJSON is what a token's string encodes.
type tokenJSON struct {
	URL    string   `json:"u"`
	Role   bus.Role `json:"r"`
	Name   string   `json:"n"`
	CAHash []byte   `json:"c"`
	Secret []byte   `json:"s"`
}

// String is the token on one line: "tidegate-v1." and characters that survive any shell.
func (t Token) String() string {
	data, err := json.Marshal(tokenJSON{t.URL, t.Role, t.Name, t.CAHash[:], t.Secret[:]})
	if err != nil { // strings and bytes always encode
		return ""
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(data)
}

// ParseToken reads a token's string; white space around it is fine.
func ParseToken(s string) (Token, error) {
	t, err := parseToken(strings.TrimSpace(s))
	if err != nil {
		return Token{}, fmt.Errorf("%w: %w: copy the whole line that the hub printed", ErrToken, err)
	}
	return t, nil
}

func parseToken(s string) (Token, error) {
	text, found := strings.CutPrefix(s, tokenPrefix)
	if !found || len(s) > maxTokenBytes {
		return Token{}, fmt.Errorf("it does not begin with %s or is too long", tokenPrefix)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return Token{}, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var v tokenJSON
	if err := decoder.Decode(&v); err != nil {
		return Token{}, err
	}
	return v.token()
}

func (v tokenJSON) token() (Token, error) {
	t := Token{URL: v.URL, Role: v.Role, Name: v.Name}
	if copy(t.CAHash[:], v.CAHash) != len(v.CAHash) || copy(t.Secret[:], v.Secret) != len(v.Secret) ||
		len(v.CAHash) != len(t.CAHash) || len(v.Secret) != len(t.Secret) {
		return Token{}, errors.New("a part of it is missing")
	}
	if err := bus.CheckMember(t.Role, t.Name); err != nil {
		return Token{}, err
	}
	return t, CheckURL(t.URL)
}

// CheckURL says whether s is an enrolment endpoint: https://host[:port] and nothing else.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("the hub's address is %q, want https://host:port", s)
	}
	return nil
}
