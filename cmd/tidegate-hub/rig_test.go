package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientsetfake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/geodata/geotest"
	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/join"
	"tidegate.dev/tidegate/gslb/plan"
)

// patience bounds every wait.
const patience = 30 * time.Second

// rig is a hub without Kubernetes: the API is in memory, and outlives the hub.
type rig struct {
	t    *testing.T
	api  client.Client
	make func() *process
	data string
	// change, if it is set, changes the options of hubs that are made.
	change func(*options)
	// opening is how long it takes to open the embedded geo table.
	opening time.Duration

	running *process
	stopped context.CancelFunc
	ended   chan error
}

// apiCache reads from the API in memory. It tells of no changes: the loop looks by itself every second.
type apiCache struct {
	informertest.FakeInformers
	api client.Client
}

func (c *apiCache) List(ctx context.Context, list client.ObjectList, _ ...client.ListOption) error {
	return c.api.List(ctx, list)
}

func (c *apiCache) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func newRig(t *testing.T, busURLs ...string) *rig {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	zone := &v1alpha1.Zone{ObjectMeta: metav1.ObjectMeta{Name: "edge.example"}, Spec: v1alpha1.ZoneSpec{Export: true,
		Nameservers: []v1alpha1.Nameserver{{Name: "ns1.edge.example", Addresses: []string{"192.0.2.53"}}}}}
	api := fake.NewClientBuilder().WithScheme(s).WithObjects(zone)
	api.WithStatusSubresource(zone, &v1alpha1.DomainExport{}, &appsv1.Deployment{})
	r := &rig{t: t, api: api.Build(), data: t.TempDir()}
	o := options{namespace: "tidegate-system", advertise: "127.0.0.1", enrollListen: freeAddress(t), busURLs: busURLs, data: r.data}
	table := geotest.Table(t, geotest.Date, geotest.Networks{"20.0.0.0/8": "DE"})
	small := hub.GeoHandout{Table: table, Digest: table.Digest(), Files: embeddedFiles, File: geotest.Encoded(t, table)}
	r.make = func() *process {
		o := o
		if r.change != nil {
			r.change(&o)
		}
		p := &process{options: o, scheme: s, client: r.api, clientset: clientsetfake.NewSimpleClientset(), log: logger(t),
			embeddedGeo: func() (hub.GeoHandout, error) { time.Sleep(r.opening); return small, nil },
			secrets:     &hub.Secrets{Client: r.api, Namespace: o.namespace},
			observe: func() (cache.Cache, error) {
				return &apiCache{FakeInformers: informertest.FakeInformers{Scheme: s}, api: r.api}, nil
			}}
		p.admin.Store(&hub.Admin{})
		return p
	}
	t.Cleanup(r.stop)
	return r
}

func logger(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// freeAddress is one that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// freePort is the port of a free address.
func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start runs a hub and waits until it leads.
func (r *rig) start() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.running, r.stopped, r.ended = r.make(), cancel, make(chan error, 1)
	p, ended := r.running, r.ended
	go func() { ended <- p.lead(ctx) }()
	r.until("the hub leads", func() bool { return p.admin.Load().NewToken != nil })
}

// stop ends the hub that runs, if one does.
func (r *rig) stop() {
	if r.running == nil {
		return
	}
	r.stopped()
	if err := <-r.ended; err != nil {
		r.t.Errorf("the hub ended: %v", err)
	}
	r.running = nil
}

func (r *rig) until(what string, done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("after %v it is not so that %s", patience, what)
		}
	}
}

// files writes the bus' files and returns the folder.
func (r *rig) files() string {
	r.t.Helper()
	p := r.make()
	p.busFiles = r.t.TempDir()
	if err := p.writeBusFiles(r.t.Context(), io.Discard); err != nil {
		r.t.Fatal(err)
	}
	return p.busFiles
}

// enrol makes a member with a token of the hub that runs.
func (r *rig) enrol(role bus.Role, name string) bus.Credentials {
	r.t.Helper()
	token, err := r.running.admin.Load().NewToken(r.t.Context(), role, name)
	if err != nil {
		r.t.Fatal(err)
	}
	joined, err := join.Join(r.t.Context(), token)
	if err != nil {
		r.t.Fatal(err)
	}
	return joined.Credentials
}

// nameServer is a member that takes every head, as a name server does.
type nameServer struct {
	*bus.Member
	heads chan plan.Head
}

func (r *rig) nameServer(creds bus.Credentials) nameServer {
	r.t.Helper()
	m, err := bus.Dial(r.t.Context(), creds, bus.Config{Logger: logger(r.t)})
	if err != nil {
		r.t.Fatal(err)
	}
	n := nameServer{m, make(chan plan.Head, 100)}
	ctx, cancel := context.WithCancel(r.t.Context())
	following := make(chan struct{})
	go func() {
		defer close(following)
		_ = m.FollowMap(ctx, func(ctx context.Context, signed []byte) error { return n.take(ctx, creds.MapKey, signed) })
	}()
	r.t.Cleanup(func() { cancel(); <-following; m.Close() })
	return n
}

// take verifies the head and fetches its map.
func (n nameServer) take(ctx context.Context, key, signed []byte) error {
	head, err := plan.OpenHead(signed, key)
	if err != nil {
		return err
	}
	if _, err := n.FetchMap(ctx, string(head.Digest)); err != nil {
		return err
	}
	n.heads <- head
	return nil
}

// next is the next head that the name server takes.
func (r *rig) next(n nameServer) plan.Head {
	r.t.Helper()
	select {
	case head := <-n.heads:
		return head
	case <-time.After(patience):
		r.t.Fatal("the name server gets no map")
		return plan.Head{}
	}
}

// record adds a static record to the zone, which makes another map.
func (r *rig) record(text string) {
	r.t.Helper()
	zone := &v1alpha1.Zone{}
	err := r.api.Get(r.t.Context(), client.ObjectKey{Name: "edge.example"}, zone)
	if err == nil {
		zone.Spec.Records = append(zone.Spec.Records, text)
		err = r.api.Update(r.t.Context(), zone)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// natsServer runs a NATS server of one's own in the folder that -bus-files wrote for host, as `nats-server -c nats.conf`
// there would. New files bring an empty disk.
func natsServer(t *testing.T, files, host string) *natsserver.Server {
	t.Helper()
	folder := filepath.Join(files, host)
	bind(t, folder, host)
	t.Chdir(folder)
	opts, err := natsserver.ProcessConfigFile("nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	opts.NoLog, opts.NoSigs = true, true
	ns, err := natsserver.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { end(ns) })
	return ns
}

func end(ns *natsserver.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
}

// bind makes one machine pass for several: a server listens on its address alone, and its folder is not the process'.
func bind(t *testing.T, folder, host string) {
	t.Helper()
	file := filepath.Join(folder, "nats.conf")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("0.0.0.0:", host+":", `"jetstream"`, strconv.Quote(filepath.Join(folder, "jetstream"))).Replace(string(text))
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}
