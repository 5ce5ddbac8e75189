package plan

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Head points name servers at the map to serve. It is small, signed, and moved by compare-and-set.
type Head struct {
	// Generation counts the maps that were ever published. It is the hub's own, not the bus', and only grows.
	Generation uint64 `json:"generation"`
	Digest     Digest `json:"digest"`
	Previous   Digest `json:"previous,omitempty"`
	// GeoDigest names the geo table that the map was planned with.
	GeoDigest string `json:"geoDigest,omitempty"`
	// Reasons explain the changes that the velocity guard would else refuse.
	Reasons []Reason `json:"reasons,omitempty"`
}

// Reason says why a map takes something away, so that a name server can tell a decision from an accident.
type Reason struct {
	Kind ReasonKind `json:"kind"`
	// Subject is the service's name, for Retired also an alias or a zone, or the site's for SiteGone and SiteDrained, or the
	// table's digest for GeoChanged.
	Subject string `json:"subject"`
}

// ReasonKind is what happened to the subject of a Reason.
type ReasonKind string

// What a map may take away. Retired: the owner deleted the object, or the annotation; for a zone, its Zone object. Asleep:
// the owner scaled to zero. Forced: an operator insists, against the velocity guard. GeoChanged: the operator chose other
// files for the geo table, or insists on it, against the guards of its update.
const (
	ReasonRetired     ReasonKind = "Retired"
	ReasonAsleep      ReasonKind = "Asleep"
	ReasonScaled      ReasonKind = "Scaled"
	ReasonSiteGone    ReasonKind = "SiteGone"
	ReasonSiteDrained ReasonKind = "SiteDrained"
	ReasonForced      ReasonKind = "Forced"
	ReasonGeoChanged  ReasonKind = "GeoChanged"
)

// Explains says whether the head gives a reason.
func (h Head) Explains(kind ReasonKind, subject string) bool {
	return slices.Contains(h.Reasons, Reason{kind, subject})
}

// signedHead is the head on the wire: the exact bytes that were signed, and the signature.
type signedHead struct {
	Head      []byte `json:"head"`
	Signature []byte `json:"signature"`
}

// ErrSignature is returned for a head that the expected key did not sign.
var ErrSignature = errors.New("the head's signature is wrong")

// headContext separates these signatures from any other use of the key.
const headContext = "tidegate map head v1\n"

// Sign encodes the head and signs it.
func (h Head) Sign(key ed25519.PrivateKey) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode head: %w", err)
	}
	return json.Marshal(signedHead{Head: head, Signature: ed25519.Sign(key, append([]byte(headContext), head...))})
}

// OpenHead verifies a signed head and reads it.
func OpenHead(data []byte, key ed25519.PublicKey) (Head, error) {
	var signed signedHead
	if err := json.Unmarshal(data, &signed); err != nil {
		return Head{}, fmt.Errorf("read head: %w", err)
	}
	if !ed25519.Verify(key, append([]byte(headContext), signed.Head...), signed.Signature) {
		return Head{}, ErrSignature
	}
	var head Head
	if err := json.Unmarshal(signed.Head, &head); err != nil {
		return Head{}, fmt.Errorf("read head: %w", err)
	}
	return head, nil
}
