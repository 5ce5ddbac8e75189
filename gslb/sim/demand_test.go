package sim

import (
	"math"
	"testing"
)

func TestDiurnal(t *testing.T) {
	for b := range bands {
		sum, peak, peakAt := 0.0, 0.0, int64(0)
		for s := int64(0); s < 86400; s += 60 {
			f := diurnal(b, s, 0.5)
			if sum += f / 1440; f > peak {
				peak, peakAt = f, s
			}
		}
		local := math.Mod(float64(peakAt)/3600+float64(b)+0.5-12+24, 24)
		if math.Abs(sum-1) > 1e-6 || math.Abs(peak-1.5) > 1e-3 || math.Abs(local-peakHour) > 0.1 {
			t.Errorf("band %d: mean %v, peak %v at %v", b, sum, peak, local)
		}
	}
}

func TestBandsAreHoursOfLongitude(t *testing.T) {
	for lon, want := range map[int]int{-180: 0, -166: 0, -165: 1, 0: 12, 14: 12, 15: 13, 179: 23, 180: 0} {
		if got := band(degrees(0, lon)); got != want {
			t.Errorf("%d degrees: band %d, want %d", lon, got, want)
		}
	}
}

func TestDemandChanges(t *testing.T) {
	germans := Clients{Country: "DE"}
	c := small(Event{50, Demand{Of: germans, Factor: 2}}, Event{100, Demand{Factor: 3, Over: 10}}, Event{200, Demand{Of: germans, Factor: 1}}, Event{250, Demand{Factor: 1, Over: 10}})
	got := map[int64]float64{}
	c.Observe = func(s Second) { got[s.Now] = s.Demand }
	run(t, c, always(0, 30e9))
	german := 0.0
	for _, client := range c.Population.Clients {
		if client.Country == "DE" {
			german += float64(client.Size) / Whole
		}
	}
	for now, want := range map[int64]float64{
		49: 100, 50: 100 + 100*german, 105: 2 * (100 + 100*german), 110: 3 * (100 + 100*german), 200: 300, 255: 200, 260: 100,
	} {
		if !near(got[now], want, 1e-6) {
			t.Errorf("second %d: demand %v, want %v", now, got[now], want)
		}
	}
}

func TestDemandOfTheNearest(t *testing.T) {
	c := small(Event{0, Demand{Of: Clients{Nearest: "iad"}, Factor: 0}})
	var last float64
	c.Observe = func(s Second) { last = s.Demand }
	run(t, c, always(0, 30e9))
	german := 0.0
	for _, client := range c.Population.Clients {
		if client.Country == "DE" {
			german += float64(client.Size) / Whole
		}
	}
	if !near(last, 100*german, 1e-6) {
		t.Errorf("demand %v, want that of Germany, %v", last, 100*german)
	}
}
