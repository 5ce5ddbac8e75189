package plan

import (
	"tidegate.dev/tidegate/gslb"
)

// SiteCost is what a request costs at a site besides its way, in the time that it is worth: so much longer may the round trip
// to another site be.
//
// Only the control loop goes by it, and so by shares: tiers stay what they are, by distance. A name server that has lost the
// hub must not send clients far away for money, and a class that nobody asks for costs nothing.
type SiteCost struct {
	Site         gslb.SiteID `json:"site"`
	Milliseconds int         `json:"ms"`
}

// Near is within how much of the nearest site others count as equally near: one tier, in which capacity decides. One of the
// two is given.
type Near struct {
	// Milliseconds are of round trip; where none was measured, KmPerMillisecond stand for each.
	Milliseconds int `json:"ms,omitempty"`
	// Percent is a part of the way to the nearest. Less than a millisecond is no difference all the same.
	Percent int `json:"percent,omitempty"`
}

// rounding is that of the classes of a service.
func (n Near) rounding() Rounding {
	r := DefaultRounding
	switch {
	case n.Milliseconds > 0:
		r.NearEqualMilliseconds = int32(n.Milliseconds)
		r.NearEqualKm = r.NearEqualMilliseconds * KmPerMillisecond
	case n.Percent > 0:
		r.NearEqualMilliseconds, r.NearEqualKm, r.NearEqualPercent = 1, KmPerMillisecond, int32(n.Percent)
	}
	return r
}

// band is how much farther than the first of a tier a site may be that shares it: a number of kilometres or a part of the way,
// whichever is more.
type band struct{ km, percent int32 }

func (b band) around(km int32) int32 { return max(b.km, int32(int64(km)*int64(b.percent)/100)) }
