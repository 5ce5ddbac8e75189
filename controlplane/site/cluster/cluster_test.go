package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"tidegate.dev/tidegate/controlplane/site"
)

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

// mapper knows the kinds of these tests; widgets only from the second time that it is asked, as after a new CRD.
type mapper struct {
	*meta.DefaultRESTMapper
	resets int
}

func (m *mapper) Reset() {
	m.resets++
	m.Add(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}, meta.RESTScopeNamespace)
}

func newMapper() *mapper {
	m := &mapper{DefaultRESTMapper: meta.NewDefaultRESTMapper(nil)}
	m.Add(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, meta.RESTScopeRoot)
	for _, kind := range ownedKinds {
		m.Add(kind, meta.RESTScopeNamespace)
	}
	return m
}

func object(kind, apiVersion, namespace, name string, labels map[string]string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
	u.SetNamespace(namespace)
	u.SetName(name)
	u.SetUID(types.UID("uid-of-" + name))
	u.SetLabels(labels)
	return u
}

var managed = map[string]string{labelManagedBy: managedBy, labelWorkload: "deployment.chat"}

func newCluster(t *testing.T, objects ...runtime.Object) (*Cluster, *fake.FakeDynamicClient, *mapper) {
	scheme := runtime.NewScheme()
	client := fake.NewSimpleDynamicClientWithCustomListKinds(scheme, map[schema.GroupVersionResource]string{
		pods: "PodList", nodes: "NodeList", deployments: "DeploymentList",
		{Group: "apps", Version: "v1", Resource: "statefulsets"}:   "StatefulSetList",
		{Group: "example.com", Version: "v1", Resource: "widgets"}: "WidgetList",
	}, objects...)
	m := newMapper()
	return New(client, m, slog.New(slog.NewTextHandler(t.Output(), nil))), client, m
}

func manifest(t *testing.T, u *unstructured.Unstructured) site.Object {
	data, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	return site.Object{Ref: ref(u), JSON: data}
}

func ref(u *unstructured.Unstructured) site.Ref {
	return site.Ref{APIVersion: u.GetAPIVersion(), Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
}

func TestApply(t *testing.T) {
	c, client, _ := newCluster(t)
	var patches []string
	client.PrependReactor("patch", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		p := a.(clienttesting.PatchActionImpl)
		patches = append(patches, fmt.Sprintf("%s %s %s/%s by %s force %t", p.PatchType, p.Resource.Resource, p.Namespace, p.Name, p.PatchOptions.FieldManager, *p.PatchOptions.Force))
		return true, &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}, nil
	})
	for _, u := range []*unstructured.Unstructured{
		object("Namespace", "v1", "", "shop", nil), object("Deployment", "apps/v1", "shop", "chat", managed), object("Widget", "example.com/v1", "shop", "w", managed),
	} {
		if err := c.Apply(t.Context(), manifest(t, u)); err != nil {
			t.Fatal(err)
		}
	}
	want := `application/apply-patch+yaml namespaces /shop by tidegate-site force true
application/apply-patch+yaml deployments shop/chat by tidegate-site force true
application/apply-patch+yaml widgets shop/w by tidegate-site force true`
	if got := strings.Join(patches, "\n"); got != want {
		t.Errorf("patches:\n%s\nwant:\n%s", got, want)
	}
}

func TestApplyErrors(t *testing.T) {
	kind := schema.GroupKind{Group: "apps", Kind: "Deployment"}
	chat := object("Deployment", "apps/v1", "shop", "chat", nil)
	for name, c := range map[string]struct {
		object  site.Object
		answer  error
		refused bool
	}{
		"invalid":         {manifest(t, chat), apierrors.NewInvalid(kind, "chat", nil), true},
		"forbidden":       {manifest(t, chat), apierrors.NewForbidden(deployments.GroupResource(), "chat", errors.New("no")), true},
		"conflict":        {manifest(t, chat), apierrors.NewConflict(deployments.GroupResource(), "chat", errors.New("no")), false},
		"internal":        {manifest(t, chat), apierrors.NewInternalError(errors.New("webhook")), false},
		"away":            {manifest(t, chat), errors.New("connection refused"), false},
		"unknown kind":    {manifest(t, object("Gadget", "example.com/v1", "shop", "g", nil)), nil, true},
		"no namespace":    {manifest(t, object("Deployment", "apps/v1", "", "chat", nil)), nil, true},
		"bad api version": {manifest(t, object("Deployment", "a/b/c", "shop", "chat", nil)), nil, true},
		"no JSON":         {site.Object{Ref: ref(chat), JSON: []byte("{")}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, client, _ := newCluster(t)
			client.PrependReactor("patch", "*", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, c.answer })
			if err := cluster.Apply(t.Context(), c.object); err == nil || errors.Is(err, site.ErrRefused) != c.refused {
				t.Errorf("%v; want refused %t", err, c.refused)
			}
		})
	}
}

func TestDeleteOnlyWhatIsOurs(t *testing.T) {
	chat, mine := object("Deployment", "apps/v1", "shop", "chat", managed), object("Deployment", "apps/v1", "shop", "mine", map[string]string{labelManagedBy: managedBy})
	c, client, _ := newCluster(t, chat, mine)
	for _, r := range []site.Ref{ref(chat), ref(mine), {APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "none"}, {APIVersion: "example.com/v9", Kind: "Gone", Namespace: "shop", Name: "x"}} {
		if err := c.Delete(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	var deleted []string
	for _, a := range client.Actions() {
		if d, ok := a.(clienttesting.DeleteActionImpl); ok {
			deleted = append(deleted, d.Name)
			if d.DeleteOptions.Preconditions == nil || *d.DeleteOptions.Preconditions.UID != chat.GetUID() {
				t.Error("a namesake that was made meanwhile would be deleted too")
			}
		}
	}
	if strings.Join(deleted, " ") != "chat" {
		t.Errorf("deleted %q, want chat alone", deleted)
	}
}

func TestOwned(t *testing.T) {
	c, _, _ := newCluster(t, object("Deployment", "apps/v1", "shop", "chat", managed), object("Deployment", "apps/v1", "shop", "mine", nil), object("StatefulSet", "apps/v1", "shop", "db", managed))
	got, err := c.Owned(t.Context())
	if err != nil || len(got) != 2 || got[0].Name != "chat" || got[1].Kind != "StatefulSet" || got[0].APIVersion != "apps/v1" {
		t.Errorf("owned: %+v %v", got, err)
	}
}

func pod(name, ip string, change func(*corev1.Pod)) *unstructured.Unstructured {
	p := &corev1.Pod{}
	p.APIVersion, p.Kind, p.Namespace, p.Name, p.Labels = "v1", "Pod", "shop", name, map[string]string{"app": "chat"}
	p.Spec.NodeName = "n1"
	p.Status.Phase, p.Status.PodIP = corev1.PodRunning, ip
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if change != nil {
		change(p)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(p)
	if err != nil {
		panic(err)
	}
	return &unstructured.Unstructured{Object: fields}
}

// show writes a view shortly: pods with what makes them serve, and accelerators.
func show(v site.View) string {
	var list []string
	for _, p := range v.Pods {
		list = append(list, fmt.Sprintf("%s/%s@%s ready=%t on %s", p.Namespace, p.Name, p.Addr, p.Ready, p.Node))
	}
	return strings.Join(list, ", ") + fmt.Sprint(" ", v.Accelerators)
}

func TestWatch(t *testing.T) {
	node := object("Node", "v1", "", "n1", map[string]string{labelGPUProduct: "NVIDIA-L4"})
	c, client, _ := newCluster(t, node, pod("a", "10.0.0.1", nil), pod("done", "10.0.0.2", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }))
	ctx, cancel := context.WithCancel(t.Context())
	views, done := make(chan site.View, 16), make(chan error)
	go func() { done <- c.Watch(ctx, func(v site.View) { views <- v }) }()
	next := func(want string) {
		t.Helper()
		select {
		case v := <-views:
			if got := show(v); got != want {
				t.Errorf("view %q, want %q", got, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("no view; want %q", want)
		}
	}
	next("shop/a@10.0.0.1 ready=true on n1 map[n1:nvidia-l4]") // one view with everything, not one per object
	resource := client.Resource(pods).Namespace("shop")
	change := func(u *unstructured.Unstructured) {
		t.Helper()
		if err := client.Tracker().Update(pods, u, "shop"); err != nil {
			t.Fatal(err)
		}
	}
	change(pod("a", "10.0.0.1", func(p *corev1.Pod) { p.Annotations = map[string]string{"x": "y"} })) // nobody's business
	change(pod("a", "10.0.0.1", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }))
	next("shop/a@10.0.0.1 ready=false on n1 map[n1:nvidia-l4]")
	change(pod("a", "fd00::1", nil))
	next("shop/a@fd00::1 ready=true on n1 map[n1:nvidia-l4]")
	node.SetLabels(map[string]string{labelGPUProduct: "NVIDIA-L4", labelAccelerator: "l4-half"})
	if err := client.Tracker().Update(nodes, node, ""); err != nil {
		t.Fatal(err)
	}
	next("shop/a@fd00::1 ready=true on n1 map[n1:l4-half]")
	if err := resource.Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	next(" map[n1:l4-half]")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPodOf(t *testing.T) {
	someTime := metav1.Unix(1000, 0)
	now := func(p *corev1.Pod) { p.DeletionTimestamp = &someTime }
	for name, c := range map[string]struct {
		change        func(*corev1.Pod)
		wanted, ready bool
	}{
		"ready":       {nil, true, true},
		"terminating": {now, true, false},
		"not ready":   {func(p *corev1.Pod) { p.Status.Conditions = nil }, true, false},
		"no address":  {func(p *corev1.Pod) { p.Status.PodIP = "" }, true, true},
		"failed":      {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, false, false},
		"no labels":   {func(p *corev1.Pod) { p.Labels = nil }, false, false},
	} {
		p := &corev1.Pod{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(pod("a", "10.0.0.1", c.change).Object, p); err != nil {
			t.Fatal(err)
		}
		got, wanted := podOf(p)
		if wanted != c.wanted || got.Ready != c.ready || (name == "no address") == got.Addr.IsValid() && wanted {
			t.Errorf("%s: %+v %t", name, got, wanted)
		}
	}
}

// TestTrouble: a cluster that cannot be listed is told of, since when, until it can.
func TestTrouble(t *testing.T) {
	c, client, _ := newCluster(t)
	var well atomic.Bool
	client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return !well.Load(), nil, errors.New("etcd is gone")
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Watch(ctx, func(site.View) {}) }()
	until := func(what string, is func() bool) {
		t.Helper()
		for range 1000 {
			if is() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("it never is %s; trouble: %v", what, c.Trouble())
	}
	until("told", func() bool {
		err := c.Trouble()
		return err != nil && strings.Contains(err.Error(), "the pods of the site's cluster are not seen: etcd is gone")
	})
	well.Store(true)
	until("over", func() bool { return c.Trouble() == nil })
	cancel()
	<-done
}
