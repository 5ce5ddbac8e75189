package scheduler_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/scheduler"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func sites(names ...string) []scheduler.Site {
	var list []scheduler.Site
	for _, name := range names {
		list = append(list, scheduler.Site{ID: gslb.SiteID(name), Room: scheduler.NoLimit})
	}
	return list
}

func spread(replicas int) scheduler.Workload {
	return scheduler.Workload{Name: "shop/Deployment/chat", Replicas: replicas, Policy: scheduler.Policy{Name: "spread"}}
}

// scenarios are decisions that a reader should be able to check by hand; testdata/place.txt holds their explanations.
func scenarios() []struct {
	name     string
	decision scheduler.Decision
} {
	place := func(list []scheduler.Site, w scheduler.Workload, previous scheduler.Placement) scheduler.Decision {
		return scheduler.Place(list, w, previous)
	}
	three := func(change func(s []scheduler.Site)) []scheduler.Site {
		list := sites("fra", "iad", "pek")
		list[0].Region, list[1].Region, list[2].Region = "eu", "us", "cn"
		list[2].Lines = []gslb.Line{"telecom", "unicom"}
		list[1].Accelerators = []string{"nvidia-l4"}
		if change != nil {
			change(list)
		}
		return list
	}
	policy := func(replicas int, p scheduler.Policy) scheduler.Workload {
		w := spread(replicas)
		p.Name = "mine"
		w.Policy = p
		return w
	}
	return []struct {
		name     string
		decision scheduler.Decision
	}{
		{"even", place(three(nil), spread(6), nil)},
		{"one more stays put", place(three(nil), spread(7), scheduler.Placement{"fra": 2, "iad": 2, "pek": 2})},
		{"one less", place(three(nil), spread(5), scheduler.Placement{"fra": 2, "iad": 2, "pek": 2})},
		{"to zero", place(three(nil), spread(0), scheduler.Placement{"fra": 2, "iad": 2, "pek": 2})},
		{"silent keeps", place(three(func(s []scheduler.Site) { s[2].Silent = true }), spread(8),
			scheduler.Placement{"fra": 1, "iad": 1, "pek": 4})},
		{"silent gets nothing", place(three(func(s []scheduler.Site) { s[2].Silent = true }), spread(4), nil)},
		{"fewer than the silent hold", place(three(func(s []scheduler.Site) { s[2].Silent = true }), spread(2),
			scheduler.Placement{"fra": 1, "pek": 4})},
		{"cordoned", place(three(func(s []scheduler.Site) { s[0].Cordoned = true }), spread(9),
			scheduler.Placement{"fra": 1, "iad": 1, "pek": 1})},
		{"full", place(three(func(s []scheduler.Site) { s[0].Room, s[1].Room, s[2].Room = 1, 2, 0 }), spread(5), nil)},
		{"limit lowered", place(three(func(s []scheduler.Site) { s[0].Room = -1 }), spread(3),
			scheduler.Placement{"fra": 3})},
		{"no site", place(nil, spread(2), nil)},
		{"regions", place(three(nil), policy(4, scheduler.Policy{Regions: []string{"eu", "us"}}), nil)},
		{"lines", place(three(nil), policy(2, scheduler.Policy{Lines: []gslb.Line{"unicom"}}), nil)},
		{"accelerators", place(three(nil), policy(2, scheduler.Policy{Accelerators: []string{"nvidia-l4"}}), nil)},
		{"sites", place(three(nil), policy(2, scheduler.Policy{Sites: []gslb.SiteID{"fra", "pek"}, MinSites: 3}), nil)},
		{"nobody", place(three(nil), policy(2, scheduler.Policy{Regions: []string{"sa"}}), nil)},
		{"at most one", place(three(nil), policy(3, scheduler.Policy{MaxSites: 1}), scheduler.Placement{"iad": 1})},
		{"excluded", place(three(func(s []scheduler.Site) { s[1].Excluded = "does not match tier=gpu" }), spread(2), nil)},
	}
}

func TestPlaceGolden(t *testing.T) {
	var b strings.Builder
	for _, s := range scenarios() {
		b.WriteString("# " + s.name + "\n" + s.decision.Explain() + "\n")
	}
	golden(t, "testdata/place.txt", b.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run go test ./scheduler -update and read the diff. Got:\n%s", path, got)
	}
}

func TestSmallWorkloadsDoNotShareOneSite(t *testing.T) {
	used := map[gslb.SiteID]int{}
	for _, name := range strings.Split("a b c d e f g h i j k l m n o p q r s t", " ") {
		w := spread(1)
		w.Name = "shop/Deployment/" + name
		for site := range scheduler.Place(sites("fra", "iad", "pek"), w, nil).Placement() {
			used[site]++
		}
	}
	for _, site := range []gslb.SiteID{"fra", "iad", "pek"} {
		if used[site] < 2 {
			t.Errorf("site %s runs %d of 20 single replicas: %v", site, used[site], used)
		}
	}
}

func TestLedger(t *testing.T) {
	held := map[string]scheduler.Placement{"a": {"fra": 3}, "b": {"fra": 1}}
	l := scheduler.NewLedger(map[gslb.SiteID]int{"fra": 5, "iad": scheduler.NoLimit}, held)
	want := func(workload string, site gslb.SiteID, room int) {
		t.Helper()
		if got := l.Room(workload, site); got != room {
			t.Errorf("room of %s at %s = %d, want %d", workload, site, got, room)
		}
	}
	want("a", "fra", 4)
	want("b", "fra", 2)
	want("c", "fra", 1)
	want("c", "iad", scheduler.NoLimit)
	l.Take("a", scheduler.Placement{"fra": 1})
	want("c", "fra", 3)
	l.Take("c", scheduler.Placement{"fra": 3})
	want("b", "fra", 1)
}
