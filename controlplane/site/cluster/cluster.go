package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"tidegate.dev/tidegate/controlplane/site"
)

// FieldManager owns the fields that the site's agent applies.
const FieldManager = "tidegate-site"

// The labels that the hub puts on everything that a site runs; controlplane/placement writes them.
const (
	labelManagedBy = "app.kubernetes.io/managed-by"
	labelWorkload  = "tidegate.dev/workload"
	managedBy      = "tidegate"
)

// Cluster is one cluster. Its methods may be called from several goroutines.
type Cluster struct {
	client dynamic.Interface
	mapper meta.ResettableRESTMapper
	log    *slog.Logger

	mu      sync.Mutex
	unseen  map[string]error // resource -> why it cannot be watched
	blindAt time.Time        // since when there is one
}

var (
	_ site.Cluster = (*Cluster)(nil)
	_ site.Watcher = (*Cluster)(nil)
)

// Connect makes a Cluster of a client configuration. It does not reach out: a cluster that is down is no error.
func Connect(config *rest.Config, log *slog.Logger) (*Cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // the API server's own fairness limits us; five requests a second would be minutes for a site's work
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the site's cluster: %w", err)
	}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the site's cluster: %w", err)
	}
	return New(client, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco)), log), nil
}

// New makes a Cluster of its parts.
func New(client dynamic.Interface, mapper meta.ResettableRESTMapper, log *slog.Logger) *Cluster {
	return &Cluster{client: client, mapper: mapper, log: log, unseen: map[string]error{}}
}

// Apply makes an object be as its manifest says, taking over fields that somebody else has set.
func (c *Cluster) Apply(ctx context.Context, o site.Object) error {
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON(o.JSON); err != nil {
		return fmt.Errorf("apply %s: %w: %w", o, site.ErrRefused, err)
	}
	resource, err := c.resource(o.Ref)
	if err == nil {
		_, err = resource.Apply(ctx, o.Name, &object, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	}
	if err != nil {
		return fmt.Errorf("apply %s: %w", o, classify(err))
	}
	return nil
}

// Delete removes an object with what it owns, if it carries our labels.
func (c *Cluster) Delete(ctx context.Context, ref site.Ref) error {
	resource, err := c.resource(ref)
	if meta.IsNoMatchError(err) {
		return nil // its kind is gone, and it with it
	}
	var live *unstructured.Unstructured
	if err == nil {
		live, err = resource.Get(ctx, ref.Name, metav1.GetOptions{})
	}
	if err == nil && !ours(live.GetLabels()) {
		c.log.Warn("left alone: it is not managed by tidegate any more", "object", ref.String())
		return nil
	}
	if err == nil {
		uid, background := live.GetUID(), metav1.DeletePropagationBackground
		err = resource.Delete(ctx, ref.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s: %w", ref, err)
	}
	return nil
}

func ours(labels map[string]string) bool {
	return labels[labelManagedBy] == managedBy && labels[labelWorkload] != ""
}

// ownedKinds are the kinds that Owned looks for: those that a workload is made of.
var ownedKinds = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"},
}

// Owned lists the workloads with our labels. Which bundle they came from cannot be told, so their key is empty.
func (c *Cluster) Owned(ctx context.Context) ([]site.Applied, error) {
	var found []site.Applied
	for _, kind := range ownedKinds {
		mapping, err := c.mapping(kind)
		if err != nil {
			return nil, fmt.Errorf("list what tidegate runs here: %w", err)
		}
		list, err := c.client.Resource(mapping.Resource).List(ctx, metav1.ListOptions{LabelSelector: labelManagedBy + "=" + managedBy + "," + labelWorkload})
		if err != nil {
			return nil, fmt.Errorf("list what tidegate runs here: %w", err)
		}
		for _, o := range list.Items {
			found = append(found, site.Applied{Ref: site.Ref{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}})
		}
	}
	return found, nil
}

// resource is where requests for an object go.
func (c *Cluster) resource(ref site.Ref) (dynamic.ResourceInterface, error) {
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, errors.Join(site.ErrRefused, err)
	}
	mapping, err := c.mapping(version.WithKind(ref.Kind))
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return c.client.Resource(mapping.Resource), nil
	}
	if ref.Namespace == "" {
		return nil, fmt.Errorf("%w: it names no namespace", site.ErrRefused)
	}
	return c.client.Resource(mapping.Resource).Namespace(ref.Namespace), nil
}

// mapping asks the API again about a kind that it did not know before: it may have been added since.
func (c *Cluster) mapping(kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	return mapping, err
}

// classify marks the errors that trying again soon cannot help.
func classify(err error) error {
	switch {
	case meta.IsNoMatchError(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsForbidden(err),
		apierrors.IsMethodNotSupported(err), apierrors.IsRequestEntityTooLargeError(err):
		return fmt.Errorf("%w: %w", site.ErrRefused, err)
	}
	return err
}
