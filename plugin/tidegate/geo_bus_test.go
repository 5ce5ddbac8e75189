package tidegate

import (
	"path/filepath"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/geotest"
	"tidegate.dev/tidegate/gslb/bus"
	bushub "tidegate.dev/tidegate/gslb/bus/hub"
	"tidegate.dev/tidegate/gslb/keep"
	"tidegate.dev/tidegate/gslb/node"
	"tidegate.dev/tidegate/gslb/plan"
)

// hubMap is the near world as a hub publishes it, planned with a table.
func hubMap(t *testing.T, generation uint64, table *geodata.Table) keep.Kept {
	t.Helper()
	path := filepath.Join(t.TempDir(), "world.yaml")
	put(t, path, nearWorld)
	m, err := node.LoadWorld(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	head := plan.Head{Generation: generation, Digest: plan.DigestOf(data), GeoDigest: table.Digest()}
	signed, err := head.Sign(hubKey(1))
	if err != nil {
		t.Fatal(err)
	}
	return keep.Kept{Source: keep.Bus, Generation: generation, Head: signed, Data: data}
}

// move publishes a table and a map that was planned with it.
func (r busRig) move(t *testing.T, generation uint64, table *geodata.Table, at bushub.Revision) bushub.Revision {
	t.Helper()
	if err := r.bus.Hub.PublishTable(t.Context(), table.Digest(), geotest.Encoded(t, table)); err != nil {
		t.Fatal(err)
	}
	m := hubMap(t, generation, table)
	digest, err := r.bus.Hub.PublishMap(t.Context(), m.Data)
	if err == nil {
		at, err = r.bus.Hub.MoveHead(t.Context(), m.Head, digest, at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A name server without geo files of its own takes the hub's table, and its next one, and starts with it when the hub is
// gone. One with files of its own serves on with them, and says so.
func TestHubHandsOverItsGeoTable(t *testing.T) {
	first, second := geotest.Table(t, geotest.Date, german()), geotest.Table(t, july(), german(1))
	own := geotest.Database(t, filepath.Join(t.TempDir(), "own.mmdb"), geotest.Date, geotest.Networks{"20.0.0.0/8": "US"})
	r := newBusRig(t)
	follower, other := r.settings(t.TempDir()), r.settings(t.TempDir())
	other.geoFiles = []string{own}
	r.write(t, follower, asTheyAre)
	creds := r.bus.Enroll(bus.NameServer, "ns2")
	creds.MapKey = r.credentials.MapKey
	if err := creds.Write(other.busCreds); err != nil {
		t.Fatal(err)
	}
	ns1, end1, err := begin(t, follower)
	if err != nil {
		t.Fatal(err)
	}
	ns2, _, err := begin(t, other)
	if err != nil {
		t.Fatal(err)
	}
	const client = "20.2.0.0/24"
	at := r.move(t, 1, first, bushub.NoHead)
	has := func(table *geodata.Table, generation uint64) func(node.Status) bool {
		return func(s node.Status) bool {
			return s.GeoDigest == table.Digest() && s.GeoFrom == node.GeoHub && s.GeoWanted == "" && s.GeoTrouble == "" && s.Generation == generation
		}
	}
	ns1.eventually(t, "the hub's table", has(first, 1))
	if got := ns1.answerTo(t, client); got != "192.0.2.30" {
		t.Errorf("answers %s", got)
	}
	r.move(t, 2, second, at)
	ns1.eventually(t, "the hub's next table", has(second, 2))
	if got := ns1.answerTo(t, client); got != "192.0.2.40" {
		t.Errorf("answers %s", got)
	}
	ns2.eventually(t, "a table of its own", func(s node.Status) bool {
		return s.Generation == 2 && s.GeoFrom == node.GeoFiles && s.GeoWanted == second.Digest() && s.GeoDigest != second.Digest() && s.GeoTrouble == ""
	})
	if got := ns2.answerTo(t, "20.4.0.0/24"); got != "192.0.2.40" {
		t.Errorf("with files of its own it answers %s", got)
	}

	ns1.eventually(t, "kept", func(node.Status) bool {
		data, err := ns1.folder.LoadTable(keep.HubTable)
		table, broken := geodata.Decode(data)
		return err == nil && broken == nil && table.Digest() == second.Digest()
	})
	end1()
	r.bus.Stop()
	alone, _, err := begin(t, follower)
	if err != nil {
		t.Fatal(err)
	}
	if s := alone.node.Status(); s.Generation != 2 || !s.FromDisk || s.GeoDigest != second.Digest() || s.GeoWanted != "" || alone.answerTo(t, client) != "192.0.2.40" {
		t.Errorf("without the hub: %+v", s)
	}
}

// A map is served at once, though the table that it was planned with is not on the bus.
func TestMapIsServedWithoutItsGeoTable(t *testing.T) {
	r := newBusRig(t)
	s := r.settings(t.TempDir())
	r.write(t, s, asTheyAre)
	ns1, _, err := begin(t, s)
	if err != nil {
		t.Fatal(err)
	}
	table := geotest.Table(t, geotest.Date, german())
	began := time.Now()
	r.publish(t, hubMap(t, 1, table))
	ns1.eventually(t, "a map without its table", func(s node.Status) bool {
		return s.Generation == 1 && s.GeoWanted == table.Digest() && s.GeoFrom == node.GeoEmbedded
	})
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("served after %v", took)
	}
	ns1.eventually(t, "the status tells", func(s node.Status) bool { return s.GeoTrouble != "" })
}
