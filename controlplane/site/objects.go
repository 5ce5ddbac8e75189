package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"tidegate.dev/tidegate/controlplane/work"
)

// Ref names an object of Kubernetes.
type Ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Object is one manifest of a bundle.
type Object struct {
	Ref
	JSON json.RawMessage
}

// errBundle is the reason for every bundle that is refused.
var errBundle = errors.New("not a bundle for this site")

// decodeBundle reads a bundle and checks that every manifest names an object.
func decodeBundle(key string, data []byte) (work.Bundle, error) {
	var b work.Bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return work.Bundle{}, fmt.Errorf("bundle %s: %w: %w", key, errBundle, err)
	}
	if b.Workload != key {
		return work.Bundle{}, fmt.Errorf("bundle %s: %w: it is of workload %q", key, errBundle, b.Workload)
	}
	if b.Replicas < 0 {
		return work.Bundle{}, fmt.Errorf("bundle %s: %w: %d replicas", key, errBundle, b.Replicas)
	}
	if _, err := objects(b); err != nil {
		return work.Bundle{}, fmt.Errorf("bundle %s: %w: %w", key, errBundle, err)
	}
	return b, nil
}

// objects are the manifests of a bundle in the order to apply them.
func objects(b work.Bundle) ([]Object, error) {
	list := make([]Object, 0, len(b.Manifests))
	for i, manifest := range b.Manifests {
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Namespace string `json:"namespace"`
				Name      string `json:"name"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(manifest, &head); err != nil {
			return nil, fmt.Errorf("manifest %d: %w", i, err)
		}
		ref := Ref{APIVersion: head.APIVersion, Kind: head.Kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name}
		if ref.APIVersion == "" || ref.Kind == "" || ref.Name == "" {
			return nil, fmt.Errorf("manifest %d has no apiVersion, kind or name", i)
		}
		list = append(list, Object{Ref: ref, JSON: manifest})
	}
	return list, nil
}

// namespace is where a bundle's pods are: that of its first object that has one.
func namespace(list []Object) string {
	for _, o := range list {
		if o.Namespace != "" {
			return o.Namespace
		}
	}
	return ""
}

// keptForEver are kinds that take other people's things or data with them; they are never deleted.
var keptForEver = []string{"Namespace", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition"}

// Applied is an object that this site's agent applied, and for which bundle; the key is empty where that is not known.
type Applied struct {
	Key string `json:"key"`
	Ref
}

// leftovers are the applied objects that no bundle asks for any more. desired holds every bundle of the inventory.
func leftovers(applied []Applied, desired map[string][]Object) []Applied {
	asked := map[Ref]bool{}
	for _, list := range desired {
		for _, o := range list {
			asked[o.Ref] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(applied), func(a Applied) bool { return asked[a.Ref] })
}

// record adds what is about to be applied, so that a crash after it is applied does not forget it.
func record(applied []Applied, key string, list []Object) ([]Applied, bool) {
	before := len(applied)
	for _, o := range list {
		if a := (Applied{Key: key, Ref: o.Ref}); !slices.Contains(applied, a) {
			applied = append(applied, a)
		}
	}
	return applied, len(applied) > before
}
