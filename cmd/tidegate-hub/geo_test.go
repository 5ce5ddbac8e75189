package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/controlplane/hub"
	"tidegate.dev/tidegate/geodata/files"
	"tidegate.dev/tidegate/geodata/geotest"
	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/plan"
)

// table waits until the name server can fetch a table, and returns its file.
func (r *rig) table(n nameServer, digest string) (file []byte) {
	r.t.Helper()
	r.until("the geo table "+digest+" is on the bus", func() (there bool) {
		var err error
		file, err = n.FetchTable(r.t.Context(), digest)
		return err == nil
	})
	return file
}

// TestGeoTableIsHandedOver: the first head names the hub's geo table already, and name servers fetch it; after the bus lost
// its disk too. A hub that is restarted with files of its own names their table, and says that it means it.
func TestGeoTableIsHandedOver(t *testing.T) {
	url := "tls://127.0.0.1:" + freePort(t)
	r := newRig(t, url)
	ns := natsServer(t, r.files(), "127.0.0.1")
	r.opening = 500 * time.Millisecond
	r.start()
	ns1 := r.nameServer(r.enrol(bus.NameServer, "ns1"))
	first := r.next(ns1)
	r.opening = 0
	embedded, err := r.running.embeddedGeo()
	if err != nil {
		t.Fatal(err)
	}
	if first.Generation != 1 || first.GeoDigest != embedded.Digest || len(first.Reasons) != 0 {
		t.Errorf("the first head is %+v, want it to name %s", first, embedded.Digest)
	}
	if !bytes.Equal(r.table(ns1, first.GeoDigest), embedded.File) {
		t.Error("another table is on the bus")
	}

	end(ns)
	natsServer(t, r.files(), "127.0.0.1")
	second := r.next(ns1)
	if second.Generation != 2 || second.GeoDigest != embedded.Digest {
		t.Errorf("after the bus lost its disk the head is %+v", second)
	}
	r.table(ns1, second.GeoDigest) // it comes after the head, and not from a hub that was stopped
	r.stop()                       // what is fetched now is on the bus' disk: the hub has it in no memory
	r.change = func(o *options) { o.geoFiles = []string{filepath.Join(r.data, "city.mmdb")} }
	own, err := files.Open(geotest.Database(t, filepath.Join(r.data, "city.mmdb"), geotest.Date, geotest.Networks{"20.0.0.0/8": "US"}))
	if err != nil {
		t.Fatal(err)
	}
	r.start()
	third := r.next(ns1)
	if third.Generation != 3 || third.Digest != second.Digest || third.GeoDigest != own.Digest() || !third.Explains(plan.ReasonGeoChanged, own.Digest()) {
		t.Errorf("with files of its own the head is %+v, want the same map with %s", third, own.Digest())
	}
	r.table(ns1, third.GeoDigest)
	if !bytes.Equal(r.table(ns1, second.GeoDigest), embedded.File) {
		t.Error("the table before is gone")
	}
	if s := r.running.admin.Load().Status(); s.GeoTrouble != "" || s.GeoSource != "city.mmdb (Test-City)" || !s.GeoDate.Equal(geotest.Date) {
		t.Errorf("the status says %+v", s.GeoStatus)
	}
}

// keeping is a geoKeeper without a hub.
type keeping struct {
	handed  []hub.GeoHandout
	trouble string
}

func (k *keeping) SetGeo(t hub.GeoHandout)  { k.handed, k.trouble = append(k.handed, t), "" }
func (k *keeping) SetGeoTrouble(why string) { k.trouble = why }

func (k *keeping) last() hub.GeoHandout {
	if len(k.handed) == 0 {
		return hub.GeoHandout{}
	}
	return k.handed[len(k.handed)-1]
}

// keep runs a geoKeeper in a bubble. Steps lets time pass, until files that changed are read.
func keep(t *testing.T, o options, steps func(k *keeping, rested func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &keeping{}
		p := &process{options: o, log: logger(t), embeddedGeo: func() (hub.GeoHandout, error) {
			return hub.GeoHandout{Digest: "embedded", Files: embeddedFiles}, nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		started, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			keeper := geoKeeper{process: p, loop: k}
			keeper.follow(ctx, started)
		}()
		<-started
		steps(k, func() {
			time.Sleep(files.Quiet + 2*files.Poll)
			synctest.Wait()
		})
		cancel()
		<-ended
	})
}

func networks(moved int) geotest.Networks {
	list := geotest.Networks{}
	for i, prefix := range []string{"20.0.0.0/16", "20.2.0.0/16", "20.4.0.0/16", "20.6.0.0/16"} {
		list[prefix] = "DE"
		if i < moved {
			list[prefix] = "US"
		}
	}
	return list
}

func TestGeoKeeper(t *testing.T) {
	data := t.TempDir()
	city := filepath.Join(data, "city.mmdb")
	o := options{data: data, geoFiles: []string{city}}
	july := geotest.Date.AddDate(0, 1, 0)
	digest := func(date time.Time, moved int) string {
		t.Helper()
		table, err := files.Open(geotest.Database(t, filepath.Join(t.TempDir(), "city.mmdb"), date, networks(moved)))
		if err != nil {
			t.Fatal(err)
		}
		return table.Digest()
	}
	expect := func(k *keeping, step string, handed int, last, trouble string) {
		t.Helper()
		if len(k.handed) != handed || k.last().Digest != last || !strings.Contains(k.trouble, trouble) || trouble == "" && k.trouble != "" {
			t.Errorf("%s: %d handed over, the last %s, trouble %q; want %d, %s, %q", step, len(k.handed), k.last().Digest, k.trouble, handed, last, trouble)
		}
	}

	keep(t, options{data: data}, func(k *keeping, _ func()) { expect(k, "no files", 1, "embedded", "") })
	keep(t, o, func(k *keeping, rested func()) {
		expect(k, "files that are missing", 0, "", "city.mmdb")
		geotest.Database(t, city, geotest.Date, networks(0))
		rested()
		june := digest(geotest.Date, 0)
		expect(k, "they come", 1, june, "")
		if table := k.last(); table.Files != "city.mmdb" || table.Forced || len(table.File) == 0 {
			t.Errorf("handed over %+v", table)
		}
		geotest.Database(t, city, july, networks(0))
		rested()
		newer := digest(july, 0)
		expect(k, "newer", 2, newer, "")
		geotest.Database(t, city, geotest.Date, networks(0))
		rested()
		expect(k, "older", 2, newer, "If it is meant, restart the hub with -geodata-force")
		geotest.Database(t, city, july, networks(3))
		rested()
		expect(k, "other countries", 2, newer, "another country")
		geotest.Database(t, city, july, networks(0))
		rested()
		expect(k, "as they were", 2, newer, "")
		if err := os.WriteFile(city, []byte("cut short"), 0o600); err != nil {
			t.Fatal(err)
		}
		rested()
		expect(k, "broken", 2, newer, "the name servers keep the geo table that they have")
	})
	keep(t, o, func(k *keeping, _ func()) { expect(k, "started with broken files", 1, digest(july, 0), "city.mmdb") })
	if err := os.WriteFile(filepath.Join(data, "geo.tidegeo"), []byte("broken too"), 0o600); err != nil {
		t.Fatal(err)
	}
	keep(t, o, func(k *keeping, _ func()) { expect(k, "and nothing kept", 0, "", "city.mmdb") })

	geotest.Database(t, city, geotest.Date, networks(3))
	o.geoForce = true
	keep(t, o, func(k *keeping, rested func()) {
		expect(k, "at the start the files count as they are", 1, digest(geotest.Date, 3), "")
		if !k.last().Forced {
			t.Error("not forced")
		}
		geotest.Database(t, city, july, networks(3))
		rested()
		if expect(k, "newer", 2, digest(july, 3), ""); k.last().Forced {
			t.Error("forced again")
		}
	})
}

func TestGeoFiles(t *testing.T) {
	var o options
	for _, value := range []string{"/data/city.mmdb, /data/asn.csv", "/data/more.csv"} {
		if err := o.addGeoFiles(value); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"/data/city.mmdb", "/data/asn.csv", "/data/more.csv"}; !slices.Equal(o.geoFiles, want) || o.geoNames() != "city.mmdb,asn.csv,more.csv" {
		t.Errorf("got %v, named %s", o.geoFiles, o.geoNames())
	}
	for _, value := range []string{"", "a,", ",a"} {
		if err := o.addGeoFiles(value); err == nil || !strings.Contains(err.Error(), "names an empty file") {
			t.Errorf("%q: %v", value, err)
		}
	}
}
