package cluster

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"tidegate.dev/tidegate/controlplane/site"
)

// The labels that name a node's accelerator: ours wins over that of NVIDIA's feature discovery.
const (
	labelAccelerator = "tidegate.dev/accelerator"
	labelGPUProduct  = "nvidia.com/gpu.product"
)

var (
	pods  = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	nodes = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
)

// Watch delivers the pods with labels and the nodes' accelerators: first once all are known, then with every change that
// matters. What the watches missed while the API server was away comes when it is back; until then nothing is delivered.
func (c *Cluster) Watch(ctx context.Context, deliver func(site.View)) error {
	s := &sight{pods: map[string]site.Pod{}, accelerators: map[string]string{}, deliver: deliver}
	podInformer, err := c.informer(pods, (&corev1.Pod{}).DeepCopyObject, s.onPod)
	if err != nil {
		return err
	}
	nodeInformer, err := c.informer(nodes, (&corev1.Node{}).DeepCopyObject, s.onNode)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { podInformer.RunWithContext(ctx) })
	all.Go(func() { nodeInformer.RunWithContext(ctx) })
	if !cache.WaitForCacheSync(ctx.Done(), podInformer.synced, nodeInformer.synced) {
		return ctx.Err()
	}
	s.open()
	<-ctx.Done()
	return ctx.Err()
}

// sight gathers what the informers say into views.
type sight struct {
	deliver func(site.View)

	mu           sync.Mutex
	ready        bool
	pods         map[string]site.Pod
	accelerators map[string]string
}

// open begins to deliver.
func (s *sight) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
	s.send()
}

// send is called with the lock held, so that views arrive in order.
func (s *sight) send() {
	if s.ready {
		s.deliver(site.View{Pods: slices.Collect(maps.Values(s.pods)), Accelerators: maps.Clone(s.accelerators)})
	}
}

func (s *sight) onPod(key string, object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.pods[key]
	pod, wanted := podOf(object)
	switch {
	case !wanted && !known, wanted && known && same(before, pod):
		return
	case wanted:
		s.pods[key] = pod
	default:
		delete(s.pods, key)
	}
	s.send()
}

func (s *sight) onNode(key string, object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := ""
	if node, ok := object.(*corev1.Node); ok {
		name = accelerator(node.Labels)
	}
	if s.accelerators[key] == name {
		return
	}
	s.accelerators[key] = name
	if name == "" {
		delete(s.accelerators, key)
	}
	s.send()
}

// podOf reads a pod; one that is gone, has finished or has no labels to be selected by is not wanted.
func podOf(object runtime.Object) (pod site.Pod, wanted bool) {
	p, ok := object.(*corev1.Pod)
	if !ok || len(p.Labels) == 0 || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return site.Pod{}, false
	}
	pod = site.Pod{Namespace: p.Namespace, Name: p.Name, Node: p.Spec.NodeName, Labels: p.Labels}
	pod.Addr, _ = netip.ParseAddr(p.Status.PodIP)
	pod.Ready = p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
	return pod, true
}

func same(a, b site.Pod) bool {
	return a.Ready == b.Ready && a.Addr == b.Addr && a.Node == b.Node && maps.Equal(a.Labels, b.Labels)
}

// accelerator names what a node's labels say it has, in the form of the capacity annotation: nvidia-l4.
func accelerator(labels map[string]string) string {
	name := labels[labelAccelerator]
	if name == "" {
		name = labels[labelGPUProduct]
	}
	return strings.ToLower(name)
}

// informer is a watch on all objects of a resource.
type informer struct {
	cache.SharedIndexInformer
	synced cache.InformerSynced
}

// informer calls seen with the key of an object and the object as it is now, nil when it is gone.
func (c *Cluster) informer(resource schema.GroupVersionResource, blank func() runtime.Object, seen func(string, runtime.Object)) (informer, error) {
	client := c.client.Resource(resource)
	list := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := client.List(ctx, o)
			return list, c.tried(ctx, resource.Resource, err)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := client.Watch(ctx, o)
			return w, c.tried(ctx, resource.Resource, err)
		},
	}
	shared := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(list, c.client), &unstructured.Unstructured{}, 0, nil)
	if err := shared.SetTransform(func(o any) (any, error) { return typed(o, blank()) }); err != nil {
		return informer{}, fmt.Errorf("watch %s: %w", resource.Resource, err)
	}
	registration, err := shared.AddEventHandler(handler(seen))
	if err != nil {
		return informer{}, fmt.Errorf("watch %s: %w", resource.Resource, err)
	}
	return informer{shared, registration.HasSynced}, nil
}

// tried notes what an attempt to list or watch came to, and returns it.
func (c *Cluster) tried(ctx context.Context, resource string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		delete(c.unseen, resource)
	case ctx.Err() == nil:
		if len(c.unseen) == 0 {
			c.blindAt = time.Now()
		}
		c.unseen[resource] = err
	}
	return err
}

// Trouble is why pods or nodes cannot be watched now.
func (c *Cluster) Trouble() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range slices.Sorted(maps.Keys(c.unseen)) {
		return fmt.Errorf("since %s the %s of the site's cluster are not seen: %w", c.blindAt.UTC().Format(time.RFC3339), resource, c.unseen[resource])
	}
	return nil
}

// typed turns what the dynamic client gives into the typed object, without what nobody here reads.
func typed(object any, blank runtime.Object) (any, error) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	u.SetManagedFields(nil)
	return blank, runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, blank)
}

func handler(seen func(string, runtime.Object)) cache.ResourceEventHandler {
	tell := func(object any, gone bool) {
		key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
		if err != nil {
			return // not an object of the API
		}
		now, _ := object.(runtime.Object)
		if gone {
			now = nil
		}
		seen(key, now)
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { tell(o, false) },
		UpdateFunc: func(_, o any) { tell(o, false) },
		DeleteFunc: func(o any) { tell(o, true) },
	}
}
