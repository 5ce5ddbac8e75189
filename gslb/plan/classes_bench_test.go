package plan

import (
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
	geo := NewGeo(table)
	var sites []*Site
	for i := range 64 {
		at := gslb.Location{LatMicro: int32(i*37%120-50) * 1_000_000, LonMicro: int32(i*83%360-180) * 1_000_000}
		sites = append(sites, &Site{ID: siteName(i), Location: at})
	}
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
			before := heap()
			kept := geo.Classes(sites, tags, DefaultRounding)
			bytes := heap() - before
			for b.Loop() {
				geo.Classes(sites, tags, DefaultRounding)
			}
			b.ReportMetric(float64(bytes)/(1<<20), "kept-MB")
			b.ReportMetric(float64(kept.Len()), "classes")
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
