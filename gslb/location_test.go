package gslb

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"
)

func degrees(lat, lon float64) Location {
	return Location{LatMicro: int32(math.Round(lat * 1e6)), LonMicro: int32(math.Round(lon * 1e6))}
}

// haversine is the distance in floating point on the same sphere.
func haversine(a, b Location) float64 {
	rad := func(micro int32) float64 { return float64(micro) / 1e6 * math.Pi / 180 }
	sinLat, sinLon := math.Sin(rad(b.LatMicro-a.LatMicro)/2), math.Sin((rad(b.LonMicro)-rad(a.LonMicro))/2)
	h := sinLat*sinLat + math.Cos(rad(a.LatMicro))*math.Cos(rad(b.LatMicro))*sinLon*sinLon
	return 2 * EarthRadiusKm * math.Atan2(math.Sqrt(h), math.Sqrt(math.Max(0, 1-h)))
}

func randomLocation(rng *rand.Rand) Location {
	return Location{LatMicro: rng.Int32N(180_000_001) - 90_000_000, LonMicro: rng.Int32N(360_000_001) - 180_000_000}
}

// partner is anywhere, near, or opposite: where formulas lose their digits.
func partner(rng *rand.Rand, a Location) Location {
	switch rng.IntN(4) {
	case 0:
		return Location{LatMicro: clamp(a.LatMicro+rng.Int32N(2001)-1000, 90_000_000), LonMicro: a.LonMicro}
	case 1:
		lon := a.LonMicro - 180_000_000
		if lon < -180_000_000 {
			lon += 360_000_000
		}
		return Location{LatMicro: clamp(-a.LatMicro+rng.Int32N(20_001)-10_000, 90_000_000), LonMicro: lon}
	}
	return randomLocation(rng)
}

func clamp(micro, limit int32) int32 { return min(max(micro, -limit), limit) }

func TestDistanceAgainstHaversine(t *testing.T) {
	const pairs = 100_000
	rng := rand.New(rand.NewPCG(1, 2))
	worst := 0.0
	for range pairs {
		a := randomLocation(rng)
		b := partner(rng, a)
		got, back := a.Direction().DistanceKm(b.Direction()), b.Direction().DistanceKm(a.Direction())
		if got != back {
			t.Fatalf("%v to %v is %d km, back %d km", a, b, got, back)
		}
		off := math.Abs(float64(got) - haversine(a, b))
		if worst = max(worst, off); off > 0.501 {
			t.Fatalf("%v to %v: %d km, haversine says %.4f km", a, b, got, haversine(a, b))
		}
	}
	t.Logf("%d pairs, largest error %.6f km, of which rounding to whole kilometres is up to 0.5", pairs, worst)
}

// The golden values hold on every architecture: the arithmetic is on integers.
func TestDistanceGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b Location
		km   int
	}{
		{"same point", degrees(50.11, 8.68), degrees(50.11, 8.68), 0},
		{"Frankfurt to Beijing", degrees(50.11, 8.68), degrees(39.90, 116.40), 7781},
		{"Frankfurt to Virginia", degrees(50.11, 8.68), degrees(38.95, -77.45), 6553},
		{"pole to pole", degrees(90, 0), degrees(-90, 0), 20015},
		{"opposite on the equator", degrees(0, 0), degrees(0, 180), 20015},
		{"over the date line", degrees(0, 179.9), degrees(0, -179.9), 22},
		{"the date line is one line", degrees(10, 180), degrees(10, -180), 0},
		{"the pole is one point", degrees(90, 0), degrees(90, 137), 0},
		{"a quarter of the equator", degrees(0, 0), degrees(0, 90), 10008},
		{"one kilometre", degrees(0, 0), degrees(0.009, 0), 1},
	} {
		if got := c.a.Direction().DistanceKm(c.b.Direction()); got != c.km {
			t.Errorf("%s: %d km, want %d", c.name, got, c.km)
		}
	}
}

// TestDirectionBits pins every bit of 10,000 directions and distances.
func TestDirectionBits(t *testing.T) {
	const want = "347c21cf3d0613dedb62762883a44b6dfa9d21b0990dd7174e6f6aba2014d30e"
	rng := rand.New(rand.NewPCG(3, 4))
	sum := sha256.New()
	from := degrees(50.11, 8.68).Direction()
	for range 10_000 {
		d := randomLocation(rng).Direction()
		if err := binary.Write(sum, binary.BigEndian, []int64{d.x, d.y, d.z, int64(from.DistanceKm(d))}); err != nil {
			t.Fatal(err)
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

// These pairs lie so close to half a kilometre that one lost bit shows.
func TestDistanceIsSymmetric(t *testing.T) {
	for _, pair := range [][2]Location{
		{{-76754835, -52922336}, {-47197086, 174720784}},
		{{82671463, 176283035}, {-15350186, -162637929}},
		{{71383498, -126799925}, {-71388775, 53200075}},
	} {
		a, b := pair[0].Direction(), pair[1].Direction()
		if there, back := a.DistanceKm(b), b.DistanceKm(a); there != back {
			t.Errorf("%v: %d km there, %d km back", pair, there, back)
		}
	}
}

func TestValid(t *testing.T) {
	for l, want := range map[Location]bool{
		degrees(90, 180): true, degrees(-90, -180): true, degrees(90.000001, 0): false, degrees(0, -180.000001): false,
	} {
		if l.Valid() != want {
			t.Errorf("%v valid: %v, want %v", l, l.Valid(), want)
		}
	}
}
