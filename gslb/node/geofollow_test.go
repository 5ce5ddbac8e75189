package node

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/plan"
)

// tableBus is a bus with nothing but tables.
type tableBus struct {
	Bus
	mu     sync.Mutex
	tables map[string][]byte
	asked  int
	block  chan struct{} // nil: FetchTable does not wait
}

var errNotThere = errors.New("not on the bus")

func (b *tableBus) FetchTable(ctx context.Context, digest string) ([]byte, error) {
	b.mu.Lock()
	b.asked++
	b.mu.Unlock()
	if b.block != nil {
		select {
		case <-b.block:
		case <-ctx.Done():
		}
	}
	file, ok := b.get(digest)
	if !ok {
		return nil, errNotThere
	}
	return file, nil
}

func (b *tableBus) get(digest string) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	file, ok := b.tables[digest]
	return file, ok
}

func (b *tableBus) set(digest string, file []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tables[digest] = file
}

func (b *tableBus) questions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func (b *tableBus) put(t *testing.T, geo *plan.Geo) (digest string) {
	t.Helper()
	var file bytes.Buffer
	if err := geo.Table.Encode(&file); err != nil {
		t.Fatal(err)
	}
	b.set(geo.Table.Digest(), file.Bytes())
	return geo.Table.Digest()
}

// following is a node without geo files of its own that follows a bus' tables, in a bubble.
type following struct {
	*rig
	bus        *tableBus
	generation uint64
	end        func()
}

// followTables runs the node with a table of June from the hub.
func followTables(t *testing.T, folder string) *following {
	f := &following{rig: startWith(t, folder, Config{Geo: geoOf(t, june), GeoFrom: GeoHub}), bus: &tableBus{tables: map[string][]byte{}}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.FollowGeo(ctx, f.bus)
	}()
	f.end = func() {
		cancel()
		<-ended
		f.stop()
	}
	return f
}

// head has the node serve a map whose head names a table, and waits until everything rests.
func (f *following) head(digest string, reasons ...plan.Reason) {
	f.t.Helper()
	f.generation++
	p := proposalOf(f.t, f.generation, nearMap())
	p.Head.GeoDigest, p.Head.Reasons = digest, reasons
	if err := f.Propose(f.t.Context(), p); err != nil {
		f.t.Fatal(err)
	}
	synctest.Wait()
}

func (f *following) expectGeo(step, digest, wanted, trouble string, asked int) {
	f.t.Helper()
	s := f.Status()
	if s.GeoDigest != digest || s.GeoWanted != wanted || !strings.Contains(s.GeoTrouble, trouble) || trouble == "" && s.GeoTrouble != "" {
		f.t.Errorf("%s: has %.12s, wants %.12s, trouble %q; want %.12s, %.12s, %q", step, s.GeoDigest, s.GeoWanted, s.GeoTrouble, digest, wanted, trouble)
	}
	if got := f.bus.questions(); got != asked {
		f.t.Errorf("%s: asked %d times, want %d", step, got, asked)
	}
}

func TestFollowGeo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := followTables(t, t.TempDir())
		defer f.end()
		own := geoOf(t, june).Table.Digest()
		newer, older := geoOf(t, june.AddDate(0, 1, 0)), geoOf(t, june.AddDate(0, -1, 0))
		synctest.Wait()
		f.expectGeo("no map yet", own, "", "", 0)
		f.head("")
		f.expectGeo("a hub without tables", own, "", "", 0)
		f.head(own)
		f.expectGeo("its own", own, "", "", 0)

		digest := newer.Table.Digest()
		f.head(digest)
		f.expectGeo("not on the bus", own, digest, "is not here yet: not on the bus", 1)
		f.bus.put(t, newer)
		time.Sleep(geoRetry - time.Second)
		synctest.Wait()
		f.expectGeo("not asked again at once", own, digest, "is not here yet", 1)
		time.Sleep(time.Second)
		synctest.Wait()
		f.expectGeo("on the bus now", digest, "", "", 2)
		sent, _ := f.bus.get(digest)
		if kept, err := f.config.Folder.LoadTable(keep.HubTable); err != nil || !bytes.Equal(kept, sent) {
			t.Errorf("kept %d bytes, %v", len(kept), err)
		}
		f.head(digest)
		time.Sleep(time.Hour)
		f.expectGeo("nothing new", digest, "", "", 2)

		back := f.bus.put(t, older)
		f.head(back)
		time.Sleep(time.Hour)
		f.expectGeo("refused, and not asked for again", digest, back, "restart the hub with -geodata-force", 3)
		f.head(back, plan.Reason{Kind: plan.ReasonGeoChanged, Subject: digest})
		f.expectGeo("the reason is another table's", digest, back, "older", 3)
		f.head(back, plan.Reason{Kind: plan.ReasonGeoChanged, Subject: back})
		f.expectGeo("meant", back, "", "", 4)
		if s := f.Status(); s.GeoReloads["taken"] != 2 || s.GeoReloads["older"] != 1 || s.Generation != f.generation {
			t.Errorf("counted %v in generation %d", s.GeoReloads, s.Generation)
		}
	})
}

// What is damaged or is another table is refused, and asked for again much later.
func TestFollowGeoDamaged(t *testing.T) {
	for name, file := range map[string]func(t *testing.T, good []byte) []byte{
		"a bit is another": func(_ *testing.T, good []byte) []byte {
			return append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1)
		},
		"cut short": func(_ *testing.T, good []byte) []byte { return good[:len(good)/2] },
		"empty":     func(*testing.T, []byte) []byte { return nil },
		"another table": func(t *testing.T, _ []byte) []byte {
			other := &tableBus{tables: map[string][]byte{}}
			file, _ := other.get(other.put(t, geoOf(t, june.AddDate(1, 0, 0))))
			return file
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := followTables(t, "")
				defer f.end()
				own := geoOf(t, june).Table.Digest()
				digest := f.bus.put(t, geoOf(t, june.AddDate(0, 1, 0)))
				good, _ := f.bus.get(digest)
				f.bus.set(digest, file(t, good))
				f.head(digest)
				f.expectGeo("damaged", own, digest, "the hub's geo table "+digest, 1)
				if got := f.Status().GeoReloads["unreadable"]; got != 1 {
					t.Errorf("counted %d times", got)
				}
				f.bus.set(digest, good)
				time.Sleep(geoDamagedRetry - time.Second)
				synctest.Wait()
				f.expectGeo("not asked for again yet", own, digest, "the hub's geo table "+digest, 1)
				time.Sleep(time.Second)
				synctest.Wait()
				f.expectGeo("mended", digest, "", "", 2)
			})
		})
	}
}

// The map never waits for the table: while the bus does not answer, maps are served and the last table stays.
func TestMapsDoNotWaitForTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := followTables(t, "")
		defer f.end()
		f.bus.block = make(chan struct{})
		digest := f.bus.put(t, geoOf(t, june.AddDate(0, 1, 0)))
		began := time.Now()
		for range 3 {
			f.head(digest)
		}
		if s := f.Status(); s.Generation != 3 || s.GeoWanted != digest || time.Since(began) != 0 {
			t.Errorf("generation %d after %v, wants %s", s.Generation, time.Since(began), s.GeoWanted)
		}
		if report := f.Report("ns1", time.Now()); report.GeoDigest == digest || report.Generation != 3 {
			t.Errorf("report %+v", report)
		}
		close(f.bus.block)
		synctest.Wait()
		if s := f.Status(); s.GeoDigest != digest || s.GeoWanted != "" {
			t.Errorf("has %s, wants %s", s.GeoDigest, s.GeoWanted)
		}
	})
}

// The report tells the hub why its table is not in use.
func TestReportTellsOfGeoTrouble(t *testing.T) {
	r := startWith(t, "", Config{Geo: geoOf(t, june), GeoFrom: GeoFiles})
	defer r.stop()
	r.GeoRefused(errors.New("city.mmdb is cut short"))
	if report := r.Report("ns1", time.Now()); !strings.Contains(report.GeoTrouble, "city.mmdb is cut short") {
		t.Errorf("report %+v", report)
	}
}
