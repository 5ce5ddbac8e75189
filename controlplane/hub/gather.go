package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/work"
	"tidegate.dev/tidegate/gslb"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/plan"
)

// watched are the kinds that the loop observes.
func watched() []client.Object {
	return []client.Object{&appsv1.Deployment{}, &appsv1.StatefulSet{}, &corev1.Service{}, &v1alpha1.EdgePlacement{},
		&v1alpha1.SteeringPolicy{}, &v1alpha1.Site{}, &v1alpha1.Zone{}, &v1alpha1.DomainExport{}, &v1alpha1.TrafficShift{}}
}

// watch asks the cache to wake the loop whenever an object changes.
func (l *Loop) watch(ctx context.Context) error {
	for _, kind := range watched() {
		informer, err := l.cfg.Cache.GetInformer(ctx, kind)
		if err != nil {
			return fmt.Errorf("watch %T: %w: are the definitions in deploy/crds applied?", kind, err)
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { l.Poke() },
			UpdateFunc: func(any, any) { l.Poke() },
			DeleteFunc: func(any) { l.Poke() },
		})
		if err != nil {
			return fmt.Errorf("watch %T: %w", kind, err)
		}
	}
	return nil
}

// gather takes a picture of everything that can be observed.
func (l *Loop) gather(ctx context.Context) (Inputs, error) {
	in := Inputs{Now: time.Now(), Since: l.since}
	var err error
	in.Deployments, err = list(ctx, l, &appsv1.DeploymentList{}, func(x *appsv1.DeploymentList) []appsv1.Deployment { return x.Items })
	errs := []error{err}
	in.StatefulSets, err = list(ctx, l, &appsv1.StatefulSetList{}, func(x *appsv1.StatefulSetList) []appsv1.StatefulSet { return x.Items })
	errs = append(errs, err)
	in.Services, err = list(ctx, l, &corev1.ServiceList{}, func(x *corev1.ServiceList) []corev1.Service { return x.Items })
	errs = append(errs, err)
	in.Placements, err = list(ctx, l, &v1alpha1.EdgePlacementList{}, func(x *v1alpha1.EdgePlacementList) []v1alpha1.EdgePlacement { return x.Items })
	errs = append(errs, err)
	in.Policies, err = list(ctx, l, &v1alpha1.SteeringPolicyList{}, func(x *v1alpha1.SteeringPolicyList) []v1alpha1.SteeringPolicy { return x.Items })
	errs = append(errs, err)
	in.Sites, err = list(ctx, l, &v1alpha1.SiteList{}, func(x *v1alpha1.SiteList) []v1alpha1.Site { return x.Items })
	errs = append(errs, err)
	in.Zones, err = list(ctx, l, &v1alpha1.ZoneList{}, func(x *v1alpha1.ZoneList) []v1alpha1.Zone { return x.Items })
	errs = append(errs, err)
	in.Exports, err = list(ctx, l, &v1alpha1.DomainExportList{}, func(x *v1alpha1.DomainExportList) []v1alpha1.DomainExport { return x.Items })
	errs = append(errs, err)
	in.Shifts, err = list(ctx, l, &v1alpha1.TrafficShiftList{}, func(x *v1alpha1.TrafficShiftList) []v1alpha1.TrafficShift { return x.Items })
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return Inputs{}, err
	}
	in.Reports, in.Servers = l.heard.all()
	in.LeadsTo = l.links.LeadsTo()
	in.Handout = l.handout()
	in.Geo = in.Handout.Table
	if err := l.readState(ctx); err != nil {
		return Inputs{}, err
	}
	if err := l.readBus(ctx, in.Sites); err != nil {
		return Inputs{}, err
	}
	in.State, in.Head, in.Current, in.Work = l.state.State, l.bus.head, l.bus.current, l.bus.work
	return in, nil
}

// list reads a kind from the cache; what the loop wrote later than the cache knows stands in for what it has.
func list[L client.ObjectList, T any, P interface {
	*T
	client.Object
}](ctx context.Context, l *Loop, into L, items func(L) []T) ([]P, error) {
	if err := l.cfg.Cache.List(ctx, into, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list %T: %w", into, err)
	}
	var objects []P
	for i := range items(into) {
		objects = append(objects, P(&items(into)[i]))
	}
	return newest(l.written, objects), nil
}

// readBus reads the head and the inventories that the loop does not know yet.
func (l *Loop) readBus(ctx context.Context, sites []*v1alpha1.Site) error {
	l.mu.Lock()
	if l.forget {
		l.forget, l.bus.known, l.bus.work = false, false, nil
	}
	l.mu.Unlock()
	if !l.bus.known {
		if err := l.readHead(ctx); err != nil {
			return err
		}
	}
	if l.bus.work == nil {
		l.bus.work = map[gslb.SiteID]SiteWork{}
	}
	for _, s := range sites {
		id := gslb.SiteID(s.Name)
		if _, known := l.bus.work[id]; known {
			continue
		}
		inventory, err := l.readInventory(ctx, s.Name)
		if err != nil {
			return err
		}
		l.bus.work[id] = SiteWork{Inventory: inventory}
	}
	return nil
}

// readInventory reads which work the bus holds for a site. A bundle that is listed and not there counts as not listed: a
// bus that lost its disk may have taken an inventory before the loop knew.
func (l *Loop) readInventory(ctx context.Context, site string) (work.Inventory, error) {
	data, err := l.cfg.Bus.Inventory(ctx, site)
	if errors.Is(err, bushub.ErrNotFound) {
		return work.Inventory{}, nil
	}
	if err != nil {
		return work.Inventory{}, fmt.Errorf("read the work of site %s: %w", site, err)
	}
	var inventory work.Inventory
	if err := json.Unmarshal(data, &inventory); err != nil {
		l.log.Warn("the bus holds work that cannot be read; it is written anew", "site", site, "error", err)
		return work.Inventory{}, nil
	}
	keys, err := l.cfg.Bus.Bundles(ctx, site)
	if err != nil {
		return work.Inventory{}, fmt.Errorf("read the work of site %s: %w", site, err)
	}
	maps.DeleteFunc(inventory.Bundles, func(key string, _ plan.Digest) bool { return !slices.Contains(keys, key) })
	return inventory, nil
}

// readHead reads what is published. A head that somebody else signed counts as none: it is replaced.
func (l *Loop) readHead(ctx context.Context) error {
	signed, revision, err := l.cfg.Bus.Head(ctx)
	if errors.Is(err, bushub.ErrNotFound) {
		l.bus.known, l.bus.head, l.bus.revision = true, plan.Head{}, bushub.NoHead
		return nil // the map that was served is still what the next one is compared with
	}
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	head, err := plan.OpenHead(signed, publicKey(l.cfg.MapKey))
	if err != nil {
		l.log.Warn("the bus holds a head that is not ours; it is replaced", "error", err)
	}
	if l.bus.current == nil || l.bus.head.Digest != head.Digest {
		l.bus.current = l.savedMap(head.Digest)
	}
	l.bus.known, l.bus.head, l.bus.revision = true, head, revision
	return nil
}

// savedMap is the copy of the published map on this machine; nil if there is none or it is another.
func (l *Loop) savedMap(digest plan.Digest) *plan.Map {
	data, err := os.ReadFile(l.cfg.MapFile)
	if err != nil || plan.DigestOf(data) != digest {
		return nil
	}
	m, err := plan.Decode(data)
	if err != nil {
		l.log.Warn("the saved map cannot be read", "file", l.cfg.MapFile, "error", err)
		return nil
	}
	return m
}
