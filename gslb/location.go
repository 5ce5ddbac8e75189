package gslb

// Location is a point on the earth in millionths of a degree: latitude north, longitude east.
type Location struct {
	LatMicro int32 `json:"latMicro"`
	LonMicro int32 `json:"lonMicro"`
}

// EarthRadiusKm is the mean radius R1 of WGS 84.
const EarthRadiusKm = 6371

// Direction is the unit vector from the earth's centre to a location, in parts of 2^30. It is computed with integers
// only, so that every architecture gets the same bits.
type Direction struct{ x, y, z int64 }

// Fixed point with 30 fractional bits.
const (
	one        = 1 << 30
	halfTurn   = 3373259426  // pi
	microPerPi = 180_000_000 // millionths of a degree in half a turn
)

// Valid says whether the latitude is within 90 degrees and the longitude within 180.
func (l Location) Valid() bool {
	return l.LatMicro >= -90_000_000 && l.LatMicro <= 90_000_000 &&
		l.LonMicro >= -180_000_000 && l.LonMicro <= 180_000_000
}

// Direction is the location as a unit vector.
func (l Location) Direction() Direction {
	sinLat, cosLat := sinCos(radians(l.LatMicro))
	sinLon, cosLon := sinCos(radians(l.LonMicro))
	return Direction{
		x: cosLat * cosLon >> 30,
		y: cosLat * sinLon >> 30,
		z: sinLat,
	}
}

// Chord is the squared length of the straight line between two points of the unit sphere, in parts of 2^60: it grows
// with the distance, and is cheaper.
type Chord int64

// Chord is that of the way to e.
func (d Direction) Chord(e Direction) Chord {
	x, y, z := d.x-e.x, d.y-e.y, d.z-e.z
	return Chord(x*x + y*y + z*z)
}

// ChordOf2Km is more than what a Chord grows by when the distance grows by two kilometres.
const ChordOf2Km Chord = 1 << 60 / EarthRadiusKm * 4

// DistanceKm is the great-circle distance in whole kilometres. It is within 1 km of the true one on the sphere.
func (d Direction) DistanceKm(e Direction) int {
	if near := d.Chord(e); near <= quarterChord {
		return kmOf().lookup(near)
	}
	// The chord hardly changes near the point opposite; the one to e from the opposite of d does.
	far := Direction{-d.x, -d.y, -d.z}.Chord(e)
	return halfTurnKm - kmOf().lookupBelow(far)
}

func radians(micro int32) int64 {
	return int64(micro) * halfTurn / microPerPi
}

// cordicAngles holds atan(2^-i) in radians with 30 fractional bits (Volder, "The CORDIC Trigonometric Computing
// Technique", 1959).
var cordicAngles = [...]int64{
	843314857, 497837829, 263043837, 133525159, 67021687, 33543516, 16775851, 8388437, 4194283, 2097149, 1048576,
	524288, 262144, 131072, 65536, 32768, 16384, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1,
}

// cordicGain is the product of cos(atan(2^-i)), in parts of 2^30.
const cordicGain = 652032874

// sinCos rotates the vector (1, 0) by an angle in [-pi, pi].
func sinCos(angle int64) (sin, cos int64) {
	sign := int64(1)
	if angle > halfTurn/2 {
		angle, sign = angle-halfTurn, -1
	} else if angle < -halfTurn/2 {
		angle, sign = angle+halfTurn, -1
	}
	x, y := int64(cordicGain), int64(0)
	for i, step := range cordicAngles {
		if angle >= 0 {
			x, y, angle = x-y>>i, y+x>>i, angle-step
		} else {
			x, y, angle = x+y>>i, y-x>>i, angle+step
		}
	}
	return sign * y, sign * x
}
