package sim

import (
	"math"

	"tidegate.dev/tidegate/gslb"
)

// Clients says for whom the demand changes. The zero value is everybody.
type Clients struct {
	// Nearest are the clients that have no nearer site than this one.
	Nearest gslb.SiteID
	Country string
}

// bands are the hours of local time that clients are put into by longitude, where solar time is 4 minutes a degree.
const bands = 24

// cells divide the clients into those whose demand moves in step: of one band, and of the same changes. Demand per site
// is then a sum over cells, whatever the number of clients.
type cells struct {
	of     []uint16 // by client
	list   []cell
	factor []float64 // by cell: demand now, 1 is the mean over the day
}

type cell struct {
	band    int
	changes uint64 // a bit for each change that concerns the clients
}

// change is the demand of some clients as the scenario has it: it moves from one factor to another.
type change struct {
	from, to   float64
	begin, end int64
}

// at is the factor at a second.
func (c *change) at(now int64) float64 {
	if now >= c.end {
		return c.to
	}
	return c.from + (c.to-c.from)*float64(now-c.begin)/float64(c.end-c.begin)
}

// newCells sorts clients; concerned says whether a change is for a client.
func newCells(clients []Client, changes int, concerned func(change int, client *Client) bool) *cells {
	c := &cells{of: make([]uint16, len(clients))}
	known := map[cell]uint16{}
	for i := range clients {
		this := cell{band: band(clients[i].Location)}
		for k := range changes {
			if concerned(k, &clients[i]) {
				this.changes |= 1 << k
			}
		}
		at, ok := known[this]
		if !ok {
			at = uint16(len(c.list))
			known[this], c.list = at, append(c.list, this)
		}
		c.of[i] = at
	}
	c.factor = make([]float64, len(c.list))
	return c
}

func band(l gslb.Location) int {
	return (int(l.LonMicro) + 180_000_000) / (360_000_000 / bands) % bands
}

// peakHour is the local hour at which most people use the internet.
const peakHour = 20

// diurnal is the demand of a band at a second of the day, UTC: 1 in the mean, 1 + swing in the evening.
func diurnal(band int, second int64, swing float64) float64 {
	local := float64(second)/3600 + (float64(band)+0.5)*24/bands - 12
	return 1 + swing*math.Cos(2*math.Pi*(local-peakHour)/24)
}

// set computes the factors of a second.
func (c *cells) set(now, second int64, swing float64, changes []change) {
	var day [bands]float64
	for b := range day {
		day[b] = diurnal(b, second, swing)
	}
	for i, this := range c.list {
		f := day[this.band]
		for k := range changes {
			if this.changes>>k&1 == 1 {
				f *= changes[k].at(now)
			}
		}
		c.factor[i] = f
	}
}
