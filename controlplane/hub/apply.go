package hub

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
)

// manager is the field manager of all that the hub writes.
const manager = client.FieldOwner("tidegate-hub")

// writers bounds the requests to the API at a time.
const writers = 8

// write is one object to apply.
type write struct {
	kind   schema.GroupVersionKind
	object client.Object
	// fields are what the hub owns of it: spec, status or metadata.annotations.
	fields map[string]any
	status bool
	// keep: the answer stands in for the cache until that has caught up.
	keep client.Object
}

// apply writes to the API by server-side apply. The DomainExports come first, since they are the memory.
func (l *Loop) apply(ctx context.Context, out Outputs) error {
	specs, statuses, err := exportWrites(out.Exports)
	rest, restErr := otherWrites(out)
	return errors.Join(err, restErr,
		l.writeAll(ctx, specs), l.writeAll(ctx, statuses), l.retire(ctx, out.Retired), l.writeAll(ctx, rest))
}

func exportWrites(exports []ExportWrite) (specs, statuses []write, err error) {
	kind := v1alpha1.GroupVersion.WithKind("DomainExport")
	for _, e := range exports {
		fields, convertErr := runtime.DefaultUnstructuredConverter.ToUnstructured(e.Object)
		if convertErr != nil {
			err = errors.Join(err, convertErr)
			continue
		}
		w := write{kind: kind, object: e.Object, keep: &v1alpha1.DomainExport{}}
		if e.Spec {
			owners, _, _ := unstructured.NestedFieldNoCopy(fields, "metadata", "ownerReferences")
			spec := w
			spec.fields = map[string]any{"spec": fields["spec"], "metadata": map[string]any{"ownerReferences": owners}}
			specs = append(specs, spec)
		}
		if e.Status {
			w.fields, w.status = map[string]any{"status": fields["status"]}, true
			statuses = append(statuses, w)
		}
	}
	return specs, statuses, err
}

func otherWrites(out Outputs) ([]write, error) {
	var list []write
	var errs []error
	status := func(kind schema.GroupVersionKind, object, keep client.Object) {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		errs = append(errs, err)
		list = append(list, write{kind: kind, object: object, fields: map[string]any{"status": fields["status"]}, status: true, keep: keep})
	}
	for _, s := range out.Sites {
		status(v1alpha1.GroupVersion.WithKind("Site"), s, &v1alpha1.Site{})
	}
	for _, z := range out.Zones {
		status(v1alpha1.GroupVersion.WithKind("Zone"), z, &v1alpha1.Zone{})
	}
	for _, p := range out.Policies {
		status(v1alpha1.GroupVersion.WithKind("SteeringPolicy"), p, &v1alpha1.SteeringPolicy{})
	}
	for _, s := range out.Shifts {
		status(v1alpha1.GroupVersion.WithKind("TrafficShift"), s, &v1alpha1.TrafficShift{})
	}
	for _, d := range out.Deployments {
		status(appsv1.SchemeGroupVersion.WithKind("Deployment"), d, nil)
	}
	for _, s := range out.StatefulSets {
		status(appsv1.SchemeGroupVersion.WithKind("StatefulSet"), s, nil)
	}
	for _, s := range out.Services {
		status(corev1.SchemeGroupVersion.WithKind("Service"), s, nil)
	}
	for _, n := range out.Notes {
		list = append(list, noteWrite(n))
	}
	return list, errors.Join(errs...)
}

func noteWrite(n Note) write {
	kind := appsv1.SchemeGroupVersion.WithKind(n.Kind)
	if n.Kind == "Service" {
		kind = schema.GroupVersionKind{Version: "v1", Kind: n.Kind}
	}
	w := write{kind: kind, object: &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Namespace: n.Namespace, UID: n.UID}}}
	if n.Text != "" {
		w.fields = map[string]any{"metadata": map[string]any{"annotations": map[string]any{export.AnnotationStatus: n.Text}}}
	}
	return w
}

func (l *Loop) writeAll(ctx context.Context, list []write) error {
	var (
		running sync.WaitGroup
		slots   = make(chan struct{}, writers)
		mu      sync.Mutex
		errs    []error
	)
	for _, w := range list {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			answer, err := l.write(ctx, w)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("write %s %s/%s: %w", w.kind.Kind, w.object.GetNamespace(), w.object.GetName(), err))
			} else if w.keep != nil {
				errs = append(errs, l.written.put(w.keep, answer))
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// write applies one object. Its UID, if known, keeps the hub from making anew what was deleted meanwhile.
func (l *Loop) write(ctx context.Context, w write) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	for field, value := range w.fields {
		u.Object[field] = value
	}
	u.SetGroupVersionKind(w.kind)
	u.SetName(w.object.GetName())
	u.SetNamespace(w.object.GetNamespace())
	u.SetUID(w.object.GetUID())
	configuration := client.ApplyConfigurationFromUnstructured(u)
	var err error
	if w.status {
		err = l.cfg.Client.Status().Apply(ctx, configuration, manager, client.ForceOwnership)
	} else {
		err = l.cfg.Client.Apply(ctx, configuration, manager, client.ForceOwnership)
	}
	return u, err
}

func (l *Loop) retire(ctx context.Context, exports []*v1alpha1.DomainExport) error {
	var errs []error
	for _, e := range exports {
		uid := client.Preconditions{UID: &e.UID}
		err := l.cfg.Client.Delete(ctx, e, uid)
		delete(l.written, writtenKey(e))
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("delete DomainExport %s/%s: %w", e.Namespace, e.Name, err))
		}
	}
	return errors.Join(errs...)
}

// written holds what the loop wrote, by type and name, until the cache has it: a pass must not decide on what the last
// one replaced.
type written map[string]own

type own struct {
	object client.Object
	at     time.Time
}

// cacheLag is how long what was written stands in for an object that the cache does not have.
const cacheLag = 5 * time.Second

func writtenKey(o client.Object) string {
	return fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName())
}

func (w written) put(into client.Object, answer *unstructured.Unstructured) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(answer.Object, into); err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	w[writtenKey(into)] = own{object: into, at: time.Now()}
	return nil
}

// newest replaces objects by what was written later, and adds those that the cache has not seen yet.
func newest[P client.Object](w written, cached []P) []P {
	seen := map[string]bool{}
	for i, have := range cached {
		key := writtenKey(have)
		seen[key] = true
		if o, known := w[key]; !known {
			continue
		} else if later(o.object, have) {
			cached[i] = o.object.(P) // of one type by its key
		} else {
			delete(w, key)
		}
	}
	for key, o := range w {
		if object, same := o.object.(P); same && !seen[key] {
			cached = append(cached, object)
			if time.Since(o.at) > cacheLag {
				delete(w, key)
			}
		}
	}
	return cached
}

// later says whether a was written after b. Resource versions of one object are numbers that grow.
func later(a, b client.Object) bool {
	x, err1 := strconv.ParseUint(a.GetResourceVersion(), 10, 64)
	y, err2 := strconv.ParseUint(b.GetResourceVersion(), 10, 64)
	return err1 == nil && err2 == nil && a.GetUID() == b.GetUID() && x > y
}
