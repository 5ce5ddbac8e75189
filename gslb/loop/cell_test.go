package loop

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// crowd is askers of which each holds one answer at a time, from a phase of its own on: the dumb reference of cells.
type crowd struct {
	ttl   int   // ticks
	phase []int // ticks
	site  []int
	load  []float64 // by site, in askers
	given []float64 // by site, answer-seconds since the last epoch
}

func newCrowd(askers int, ttl time.Duration, sites int) *crowd {
	c := &crowd{ttl: int(ttl / tick), load: make([]float64, sites), given: make([]float64, sites)}
	for i := range askers {
		c.phase, c.site = append(c.phase, c.ttl*i/askers), append(c.site, 0)
	}
	c.load[0] = float64(askers)
	return c
}

const tick = time.Second / 10

// pass lets a tick go by in which who asks is sent to one site.
func (c *crowd) pass(at, site int) {
	held := make([]float64, len(c.load))
	for i := range c.phase {
		if (at+c.phase[i])%c.ttl == 0 {
			c.site[i] = site
			c.given[site] += float64(c.ttl) * tick.Seconds()
		}
		held[c.site[i]]++
	}
	for s := range c.load {
		c.load[s] += (held[s] - c.load[s]) * (1 - math.Exp(-float64(tick)/float64(DefaultConnectionLife)))
	}
}

// Cells follow a crowd of resolvers: what they were given explains what sites measure, with answers that live for one epoch,
// for two and for four.
func TestCellsFollowACrowd(t *testing.T) {
	for _, ttl := range []time.Duration{15 * time.Second, 30 * time.Second, 60 * time.Second} {
		const askers, sites = 300, 3
		random, c := rand.New(rand.NewPCG(1, uint64(ttl))), newCrowd(askers, ttl, sites)
		policy := Policy{TTL: ttl}.withDefaults()
		var cells []cell
		for epoch := range 60 {
			site := 0
			if epoch > 8 {
				site = random.IntN(sites)
			}
			for i := range int(Epoch / tick) {
				c.pass(epoch*int(Epoch/tick)+i, site)
			}
			for s, seconds := range c.given {
				cells = give(cells, s, seconds/Epoch.Seconds())
			}
			clear(c.given)
			for i := range cells {
				cells[i].settle(policy, Epoch, epoch == 0, false)
				cells[i].now = 0
			}
			for _, cell := range cells {
				if off := math.Abs(cell.answers-c.load[cell.site]) / askers; epoch > 8 && off > 0.02 {
					t.Errorf("TTL %v, epoch %d: %.1f answers at site %d, its load is %.1f", ttl, epoch, cell.answers, cell.site, c.load[cell.site])
				}
			}
		}
	}
}

// Brief answers are all renewed in an epoch, and go over at once.
func TestBriefCells(t *testing.T) {
	policy := Policy{}.withDefaults()
	c := cell{given: []float64{8, 8}, held: 8, answers: 8}
	c.settle(policy, Epoch, false, true)
	if c.held != 0 || math.Abs(c.answers-8*(math.Exp(-1)+(1-2*math.Exp(-1)))) > 1e-9 {
		t.Errorf("%.3f held, %.3f in effect", c.held, c.answers)
	}
}
