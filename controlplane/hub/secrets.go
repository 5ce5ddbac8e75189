package hub

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tidegate.dev/tidegate/controlplane/enroll"
	"tidegate.dev/tidegate/gslb/bus/authority"
)

// The Secrets of the hub, in its namespace, and the keys in them.
const (
	secretBus    = "tidegate-bus"
	secretMap    = "tidegate-map-key"
	secretTokens = "tidegate-tokens"
	keyAuthority = "authority.json"
	keySeed      = "ed25519.seed"
)

// Secrets are the hub's keys and open tokens, kept in Secrets of its namespace. What is missing is made on first use.
// Client must not read from a cache.
type Secrets struct {
	Client    client.Client
	Namespace string
}

var _ enroll.Store = (*Secrets)(nil)

// MakeNamespace makes the hub's namespace if it is not there.
func (s *Secrets) MakeNamespace(ctx context.Context) error {
	err := s.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make namespace %s: %w", s.Namespace, err)
	}
	return nil
}

// Authority is the bus' authority.
func (s *Secrets) Authority(ctx context.Context) (*authority.Authority, error) {
	data, err := s.getOrMake(ctx, secretBus, keyAuthority, func() ([]byte, error) {
		a, err := authority.New(time.Now())
		if err != nil {
			return nil, err
		}
		return a.Marshal()
	})
	if err != nil {
		return nil, err
	}
	return authority.Parse(data)
}

// SaveAuthority keeps the authority's value; it fits Config.Save of the bus.
func (s *Secrets) SaveAuthority(ctx context.Context, value []byte) error {
	return s.change(ctx, secretBus, func(data map[string][]byte) error {
		data[keyAuthority] = value
		return nil
	})
}

// MapKey is the key that signs heads.
func (s *Secrets) MapKey(ctx context.Context) (ed25519.PrivateKey, error) {
	seed, err := s.getOrMake(ctx, secretMap, keySeed, func() ([]byte, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key.Seed(), err
	})
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("secret %s/%s: %s has %d bytes, want %d", s.Namespace, secretMap, keySeed, len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// getOrMake reads one key of a Secret. If the Secret is not there it is made; whoever makes it first decides.
func (s *Secrets) getOrMake(ctx context.Context, name, key string, fresh func() ([]byte, error)) ([]byte, error) {
	secret, err := s.get(ctx, name)
	if apierrors.IsNotFound(err) {
		value, freshErr := fresh()
		if freshErr != nil {
			return nil, freshErr
		}
		secret.Data = map[string][]byte{key: value}
		err = s.Client.Create(ctx, secret, manager)
		if apierrors.IsAlreadyExists(err) {
			secret, err = s.get(ctx, name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", s.Namespace, name, err)
	}
	if len(secret.Data[key]) == 0 {
		return nil, fmt.Errorf("secret %s/%s has no key %s: restore it from a backup; a new one would cut off every member", s.Namespace, name, key)
	}
	return bytes.Clone(secret.Data[key]), nil
}

func (s *Secrets) get(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := s.Client.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: name}, secret)
	secret.Name, secret.Namespace = name, s.Namespace
	return secret, err
}

// patience is for as many tokens as an operator makes at once: all of them are in one Secret.
var patience = wait.Backoff{Steps: 12, Duration: 10 * time.Millisecond, Factor: 1.5, Jitter: 0.5}

// change reads a Secret, changes its data and writes it by compare-and-set, as often as others come between.
func (s *Secrets) change(ctx context.Context, name string, change func(data map[string][]byte) error) error {
	between := func(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }
	err := retry.OnError(patience, between, func() error {
		secret, err := s.get(ctx, name)
		missing := apierrors.IsNotFound(err)
		if err != nil && !missing {
			return err
		}
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		if err := change(secret.Data); err != nil {
			return err
		}
		if missing {
			return s.Client.Create(ctx, secret, manager)
		}
		return s.Client.Update(ctx, secret, manager)
	})
	if err != nil && !errors.Is(err, enroll.ErrNoRecord) {
		return fmt.Errorf("secret %s/%s: %w", s.Namespace, name, err)
	}
	return err
}

// Add implements enroll.Store. Records that have expired are dropped.
func (s *Secrets) Add(ctx context.Context, r enroll.Record) error {
	return s.change(ctx, secretTokens, func(data map[string][]byte) error {
		for hash := range data {
			if old, err := tokenOf(data, hash); err != nil || time.Now().After(old.Expires) {
				delete(data, hash)
			}
		}
		return putToken(data, r)
	})
}

// Get implements enroll.Store.
func (s *Secrets) Get(ctx context.Context, hash string) (enroll.Record, error) {
	secret, err := s.get(ctx, secretTokens)
	if err != nil && !apierrors.IsNotFound(err) {
		return enroll.Record{}, fmt.Errorf("secret %s/%s: %w", s.Namespace, secretTokens, err)
	}
	return tokenOf(secret.Data, hash)
}

// Use implements enroll.Store.
func (s *Secrets) Use(ctx context.Context, hash, publicKey string) (used enroll.Record, err error) {
	err = s.change(ctx, secretTokens, func(data map[string][]byte) error {
		if used, err = tokenOf(data, hash); err != nil || used.UsedBy != "" {
			return err
		}
		used.UsedBy = publicKey
		return putToken(data, used)
	})
	return used, err
}

func tokenOf(data map[string][]byte, hash string) (enroll.Record, error) {
	value, found := data[hash]
	if !found {
		return enroll.Record{}, enroll.ErrNoRecord
	}
	var r enroll.Record
	if err := json.Unmarshal(value, &r); err != nil {
		return enroll.Record{}, fmt.Errorf("read a token's record: %w", err)
	}
	return r, nil
}

func putToken(data map[string][]byte, r enroll.Record) error {
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode a token's record: %w", err)
	}
	data[r.Hash] = value
	return nil
}
