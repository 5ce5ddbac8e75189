package plan

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
)

func keyPair(seed byte) (ed25519.PublicKey, ed25519.PrivateKey) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return private.Public().(ed25519.PublicKey), private
}

func someHead() Head {
	return Head{
		Generation: 42, Digest: DigestOf([]byte("map")), Previous: DigestOf([]byte("before")), GeoDigest: "sha256:00",
		Reasons: []Reason{{Kind: ReasonRetired, Subject: "chat.edge.example."}},
	}
}

func TestHeadSignAndOpen(t *testing.T) {
	public, private := keyPair(1)
	signed, err := someHead().Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.IndexByte(signed, '\n') >= 0 {
		t.Error("a signed head has a line break; kept maps end it with one")
	}
	got, err := OpenHead(signed, public)
	if err != nil || !reflect.DeepEqual(got, someHead()) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHeadOfAnotherKey(t *testing.T) {
	_, private := keyPair(1)
	stranger, _ := keyPair(2)
	signed, err := someHead().Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenHead(signed, stranger); !errors.Is(err, ErrSignature) || !reflect.DeepEqual(got, Head{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A signature that the key made for something else is no head.
func TestSignatureOfAnotherContext(t *testing.T) {
	public, private := keyPair(1)
	signed, err := someHead().Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte(`{"head":"e30=","signature":"`)
	if _, err := OpenHead(append(raw, signed[len(signed)-90:]...), public); err == nil {
		t.Error("another head with this signature was taken")
	}
	bare := ed25519.Sign(private, []byte("{}"))
	if ed25519.Verify(public, append([]byte(headContext), "{}"...), bare) {
		t.Error("the context is not part of what is signed")
	}
}

// No change to any bit of a signed head gets through as another head.
func TestTamperedHead(t *testing.T) {
	public, private := keyPair(1)
	signed, err := someHead().Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		data := bytes.Clone(signed)
		data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
		if got, err := OpenHead(data, public); err == nil && !reflect.DeepEqual(got, someHead()) {
			t.Fatalf("%s was taken as %+v", data, got)
		}
	}
	for cut := range signed {
		if got, err := OpenHead(signed[:cut], public); err == nil {
			t.Fatalf("cut at %d it was taken as %+v", cut, got)
		}
	}
}

func FuzzOpenHead(f *testing.F) {
	public, private := keyPair(1)
	signed, err := someHead().Sign(private)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte(`{"head":"","signature":""}`))
	f.Add([]byte(`{"head":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if head, err := OpenHead(data, public); err == nil && !reflect.DeepEqual(head, someHead()) {
			t.Errorf("a head that nobody signed: %+v", head)
		}
	})
}
