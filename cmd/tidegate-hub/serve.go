package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb/admin"
)

// The lease: a leader that does not renew it in time stops, and another takes over.
const (
	leaseName     = "tidegate-hub"
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// process is this hub with its connections to the API.
type process struct {
	options
	scheme    *runtime.Scheme
	client    client.Client
	clientset kubernetes.Interface
	// observe makes the cache that the loop watches the API through.
	observe func() (cache.Cache, error)
	secrets *hub.Secrets
	log     *slog.Logger
	// embeddedGeo is the geo table that is handed over if no file is named.
	embeddedGeo func() (hub.GeoHandout, error)
	// admin is what the admin API offers now.
	admin atomic.Pointer[hub.Admin]
}

func newProcess(o options, kube *rest.Config, logger *slog.Logger) (*process, error) {
	p := &process{options: o, scheme: runtime.NewScheme(), embeddedGeo: openEmbedded, log: logger}
	p.admin.Store(&hub.Admin{})
	if err := errors.Join(scheme.AddToScheme(p.scheme), v1alpha1.AddToScheme(p.scheme)); err != nil {
		return nil, err
	}
	var err error
	if p.client, err = client.New(kube, client.Options{Scheme: p.scheme}); err != nil {
		return nil, fmt.Errorf("connect to the Kubernetes API: %w", err)
	}
	if p.clientset, err = kubernetes.NewForConfig(kube); err != nil {
		return nil, fmt.Errorf("connect to the Kubernetes API: %w", err)
	}
	p.observe = func() (cache.Cache, error) {
		return cache.New(kube, cache.Options{Scheme: p.scheme, DefaultTransform: cache.TransformStripManagedFields()})
	}
	p.secrets = &hub.Secrets{Client: p.client, Namespace: o.namespace}
	return p, nil
}

// serve runs the admin API, and leads whenever the lease is this hub's.
func (p *process) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	var adminErr error
	running.Go(func() {
		defer cancel()
		adminErr = admin.Serve(ctx, p.options.admin, hub.Handler(func() hub.Admin { return *p.admin.Load() }))
	})
	err := p.secrets.MakeNamespace(ctx)
	if err == nil {
		err = p.elect(ctx)
	}
	cancel()
	running.Wait()
	return errors.Join(adminErr, err)
}

// elect waits for the lease and leads. A hub that loses it ends: what restarts it begins with a clean slate.
func (p *process) elect(ctx context.Context) error {
	identity, err := filepath.Abs(p.data)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	leading, ended := make(chan struct{}), make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: leaseName},
			Client:    p.clientset.CoordinationV1(),
			// A hub that was killed and started again is the same holder, and need not wait for its own lease.
			LockConfig: resourcelock.ResourceLockConfig{Identity: hostname() + ":" + identity},
		},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				close(leading)
				ended <- p.lead(ctx)
				cancel()
			},
			OnStoppedLeading: func() {},
			OnNewLeader:      func(leader string) { p.log.Info("the lease is held", "by", leader) },
		},
	})
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	elector.Run(ctx)
	var lost error
	if ctx.Err() == nil {
		lost = errors.New("the lease was lost: another hub leads, or the API is away")
	}
	cancel()
	select {
	case <-leading:
		return errors.Join(lost, <-ended)
	default:
		return lost
	}
}
