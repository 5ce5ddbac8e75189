package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"tidegate.dev/tidegate/controlplane/enroll"
	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/authority"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
)

// keys are what the hub's Secrets hold.
type keys struct {
	authority *authority.Authority
	mapKey    ed25519.PrivateKey
}

func (p *process) keys(ctx context.Context) (keys, error) {
	a, err := p.secrets.Authority(ctx)
	if err != nil {
		return keys{}, err
	}
	k, err := p.secrets.MapKey(ctx)
	return keys{authority: a, mapKey: k}, err
}

// lead runs the bus, enrolment and the loop until ctx ends or one of them fails.
func (p *process) lead(ctx context.Context) error {
	keys, err := p.keys(ctx)
	if err != nil {
		return err
	}
	var loop atomic.Pointer[hub.Loop]
	link, closeBus, err := p.openBus(ctx, keys, func(context.Context) {
		if l := loop.Load(); l != nil {
			l.BusConnected()
		}
	})
	if err != nil {
		return err
	}
	defer closeBus()
	l, stopEvents, err := p.newLoop(ctx, keys, link)
	if err != nil {
		return err
	}
	defer stopEvents()
	loop.Store(l)
	return p.run(ctx, keys, link, l)
}

// run serves enrolment beside the loop; if one ends, so does the other. The loop begins with the geo table at hand, if that
// does not take long.
func (p *process) run(ctx context.Context, keys keys, link *bushub.Hub, loop *hub.Loop) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	enrolment, err := p.newEnrolment(keys, link)
	if err != nil {
		return err
	}
	hosts, err := p.hosts()
	if err != nil {
		return err
	}
	tlsConfig, err := keys.authority.TLS(hosts)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", p.enrollListen)
	if err != nil {
		return fmt.Errorf("listen for new members: %w", err)
	}
	p.admin.Store(&hub.Admin{Status: loop.Status, Recording: loop.Recording, NewToken: func(ctx context.Context, role bus.Role, name string) (string, error) {
		token, err := enrolment.NewToken(ctx, role, name, hub.TokenLifetime)
		return token.String(), err
	}, CheckMember: hub.CheckMember(p.client)})
	defer p.admin.Store(&hub.Admin{})
	var running sync.WaitGroup
	errs := make([]error, 2)
	geo, geoStarted := geoKeeper{process: p, loop: loop}, make(chan struct{})
	running.Go(func() { defer cancel(); errs[0] = enrolment.Serve(ctx, listener, tlsConfig) })
	running.Go(func() { geo.follow(ctx, geoStarted) })
	running.Go(func() {
		defer cancel()
		await(ctx, geoStarted, geoStart)
		errs[1] = loop.Run(ctx)
	})
	running.Wait()
	return errors.Join(errs...)
}

func (p *process) newLoop(ctx context.Context, keys keys, link *bushub.Hub) (*hub.Loop, func(), error) {
	observed, err := p.observe()
	if err != nil {
		return nil, nil, fmt.Errorf("observe the Kubernetes API: %w", err)
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx), record.WithCorrelatorOptions(record.CorrelatorOptions{BurstSize: 100, QPS: 1}))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: p.clientset.CoreV1().Events("")})
	return hub.New(hub.Config{
		Client: p.client, Cache: observed, Bus: link, MapKey: keys.mapKey, Namespace: p.namespace, Logger: p.log, Resolver: p.resolver,
		Events:  broadcaster.NewRecorder(p.scheme, corev1.EventSource{Component: "tidegate-hub"}),
		MapFile: filepath.Join(p.data, "map.json"),
	}), broadcaster.Shutdown, nil
}

func (p *process) newEnrolment(keys keys, link *bushub.Hub) (*enroll.Hub, error) {
	hosts, err := p.hosts()
	if err != nil {
		return nil, err
	}
	enrollURL, err := advertised("https", hosts[:1], p.enrollListen)
	if err != nil {
		return nil, err
	}
	busURLs, err := p.memberURLs()
	if err != nil {
		return nil, err
	}
	return enroll.NewHub(enroll.HubConfig{Bus: link, Tokens: p.secrets, URL: enrollURL[0], CA: keys.authority.CA(), BusURLs: busURLs,
		MapKey: keys.mapKey.Public().(ed25519.PublicKey), Logger: p.log})
}
