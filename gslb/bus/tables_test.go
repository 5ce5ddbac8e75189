package bus_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"tidegate.dev/tidegate/gslb/bus"
	"tidegate.dev/tidegate/gslb/bus/bustest"
)

// table is a file of random bytes: the bus reads none of them.
func table(seed byte, size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

// A geo table reaches the name servers, from the hub's memory and from the bus' disk.
func TestTableReachesNameServers(t *testing.T) {
	b := bustest.Start(t)
	m, file := b.Member(bus.NameServer, "ns1"), table(1, 5<<20)
	if err := b.Hub.PublishTable(t.Context(), "sha256:one", file); err != nil {
		t.Fatal(err)
	}
	got, err := m.FetchTable(t.Context(), "sha256:one")
	if err != nil || !bytes.Equal(got, file) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := m.FetchMap(t.Context(), "sha256:one"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("the table as a map: %v", err)
	}
	b.Stop() // another hub has it in no memory
	b.Start()
	eventually(t, "the table comes from the bus' disk", func() bool {
		got, err := m.FetchTable(t.Context(), "sha256:one")
		return err == nil && bytes.Equal(got, file)
	})
	if _, err := m.FetchTable(t.Context(), "sha256:none"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("a table that is not there: %v", err)
	}
}

// The bus keeps the table that was published last and the one before it, whichever are published again.
func TestOldTablesGo(t *testing.T) {
	b := bustest.Start(t)
	there := b.Tables()
	for step, c := range []struct {
		publish string
		want    string // of a, b, c
	}{{"a", "a"}, {"b", "ab"}, {"c", "bc"}, {"b", "bc"}, {"a", "ab"}, {"a", "ab"}} {
		if err := b.Hub.PublishTable(t.Context(), c.publish, table(c.publish[0], 1000)); err != nil {
			t.Fatal(err)
		}
		held := ""
		for _, digest := range []string{"a", "b", "c"} {
			if there(digest) {
				held += digest
			}
		}
		if held != c.want {
			t.Errorf("step %d: after %q the bus holds %q, want %q", step, c.publish, held, c.want)
		}
	}
	if _, err := b.Member(bus.NameServer, "ns1").FetchTable(t.Context(), "c"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("a table that is gone: %v", err)
	}
}

func TestTableLimits(t *testing.T) {
	b := bustest.Start(t)
	for name, size := range map[string]int{"nothing": 0, "over the limit": 64<<20 + 1} {
		if err := b.Hub.PublishTable(t.Context(), "sha256:x", make([]byte, size)); err == nil {
			t.Errorf("%s was published", name)
		}
	}
}

// Geo tables do not count as maps: publishing them removes none.
func TestTablesLeaveMapsAlone(t *testing.T) {
	b := bustest.Start(t)
	publish(t, b.Hub, []byte("map"), []byte("head"), 0)
	for i := range 5 {
		if err := b.Hub.PublishTable(t.Context(), string(rune('a'+i)), table(byte(i), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := b.Hub.PublishMap(t.Context(), []byte("map"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Member(bus.NameServer, "ns1").FetchMap(t.Context(), digest); err != nil {
		t.Errorf("the map: %v", err)
	}
}

// A site gets no table.
func TestSitesGetNoTable(t *testing.T) {
	b := bustest.Start(t)
	if err := b.Hub.PublishTable(t.Context(), "sha256:one", table(1, 1000)); err != nil {
		t.Fatal(err)
	}
	request, err := json.Marshal(map[string]any{"digest": "sha256:one"})
	if err != nil {
		t.Fatal(err)
	}
	site := raw(t, b.Enroll(bus.Site, "fra"))
	if _, err := site.Request("ask.fra.table", request, bustest.Timeout/20); err == nil {
		t.Error("a site got a geo table")
	}
}

// A bus that lost its disk gets the table again.
func TestTableAfterALostDisk(t *testing.T) {
	b := bustest.Start(t)
	m, file := b.Member(bus.NameServer, "ns1"), table(1, 1<<20)
	if err := b.Hub.PublishTable(t.Context(), "sha256:one", file); err != nil {
		t.Fatal(err)
	}
	b.DropBuckets()
	if err := b.Hub.PublishTable(t.Context(), "sha256:one", file); err != nil {
		t.Fatal(err)
	}
	if !b.Tables()("sha256:one") {
		t.Error("the bus does not hold it")
	}
	if got, err := m.FetchTable(t.Context(), "sha256:one"); err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
