package gslb

import "math/bits"

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

// DistanceKm is the great-circle distance in whole kilometres. It is within 1 km of the true one on the sphere.
func (d Direction) DistanceKm(e Direction) int {
	// Division, unlike a shift, rounds both signs alike: there is as far as back.
	cx, cy, cz := (d.y*e.z-d.z*e.y)/one, (d.z*e.x-d.x*e.z)/one, (d.x*e.y-d.y*e.x)/one
	dot := d.Dot(e)
	sin := int64(sqrt(uint64(cx*cx + cy*cy + cz*cz)))
	return int((angle(sin, dot)*EarthRadiusKm + one/2) >> 30)
}

// Dot is the cosine of the angle between two directions, in parts of 2^30: it grows as the distance shrinks.
func (d Direction) Dot(e Direction) int64 { return (d.x*e.x + d.y*e.y + d.z*e.z) >> 30 }

// DotOfTwoKm is the most by which Dot changes when the distance changes by two kilometres.
const DotOfTwoKm = 2*one/EarthRadiusKm + 1

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

// angle is atan2(y, x) for y >= 0: the vector is rotated until it lies on the x axis. The result is in [0, pi].
func angle(y, x int64) int64 {
	turned := int64(0)
	if x < 0 {
		x, y, turned = y, -x, halfTurn/2
	}
	for i, step := range cordicAngles {
		if y >= 0 {
			x, y, turned = x+y>>i, y-x>>i, turned+step
		} else {
			x, y, turned = x-y>>i, y+x>>i, turned-step
		}
	}
	return max(turned, 0)
}

// sqrt is the integer square root, rounded down.
func sqrt(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	root := uint64(1) << ((bits.Len64(n) + 1) / 2)
	for {
		next := (root + n/root) / 2
		if next >= root {
			return root
		}
		root = next
	}
}
