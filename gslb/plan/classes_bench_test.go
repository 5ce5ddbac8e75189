package plan

import (
	"fmt"
	"runtime"
	"testing"

	"tidegate.dev/tidegate/geodata/embedded"
	"tidegate.dev/tidegate/gslb"
)

// BenchmarkClasses compiles the classes of 64 sites with the embedded table: where nobody declares a line or region,
// where lines are declared, and where each of three lines has an address for every area and for Guangdong.
func BenchmarkClasses(b *testing.B) {
	table, err := embedded.Open()
	if err != nil {
		b.Fatal(err)
	}
	geo, sites := NewGeo(table), spreadSites(64)
	lines := []Tag{{"telecom", ""}, {"unicom", ""}, {"mobile", ""}, {}}
	regions := lines
	for _, line := range []gslb.Line{"telecom", "unicom", "mobile", ""} {
		for _, region := range append([]Region{"CN-GD", "CN"}, areas...) {
			regions = append(regions, Tag{line, region})
		}
	}
	for _, c := range []struct {
		name string
		tags []Tag
	}{{"none", nil}, {"lines", lines}, {"regions", regions}} {
		b.Run(c.name, func(b *testing.B) {
			tags := NewTagSet(c.tags, Precedence{})
			before := heapBytes()
			kept := geo.Classes(sites, tags, DefaultRounding)
			bytes := heapBytes() - before
			for b.Loop() {
				geo.Classes(sites, tags, DefaultRounding)
			}
			b.ReportMetric(float64(bytes)/(1<<20), "kept-MB")
			b.ReportMetric(float64(kept.Len()), "classes")
		})
	}
}

// spreadSites stand all over the earth, in the order of their names.
func spreadSites(n int) (sites []*Site) {
	for i := range n {
		at := gslb.Location{LatMicro: int32(i*37%120-50)*1_000_000 + int32(i/360)*2_000_000, LonMicro: int32(i*83%360-180) * 1_000_000}
		sites = append(sites, &Site{ID: gslb.SiteID(fmt.Sprintf("s%03d", i)), Location: at})
	}
	return sites
}

// BenchmarkDemand makes the demand classes of 64 sites and of 200 with the embedded table.
func BenchmarkDemand(b *testing.B) {
	table, err := embedded.Open()
	if err != nil {
		b.Fatal(err)
	}
	geo := NewGeo(table)
	geo.networks()
	lines := NewTagSet([]Tag{{"telecom", ""}, {"unicom", ""}, {"mobile", ""}, {}}, Precedence{})
	for _, c := range []struct {
		name  string
		sites int
		tags  *TagSet
	}{{"sites=64", 64, nil}, {"sites=64,lines", 64, lines}, {"sites=200", 200, nil}, {"sites=1000", 1000, nil}} {
		b.Run(c.name, func(b *testing.B) {
			classes := geo.Classes(spreadSites(c.sites), c.tags, DefaultRounding)
			before := heapBytes()
			kept := classes.Demand()
			bytes := heapBytes() - before
			for b.Loop() {
				classes.demandOf(MaxDemandClasses)
			}
			b.ReportMetric(float64(bytes)/(1<<10), "kept-KB")
			b.ReportMetric(float64(classes.Len()), "classes")
			b.ReportMetric(float64(len(kept.List)), "demand-classes")
			b.ReportMetric(float64(kept.AddedMicros), "added-us")
		})
	}
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
