package loop

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// crowd is askers of which each holds one answer at a time, from a phase of its own on: the dumb reference of cells.
type crowd struct {
	until []int // the tick at which an asker asks again
	site  []int
	load  []float64 // by site, in askers
	given []float64 // by site, answer-seconds since the last epoch
}

func newCrowd(askers int, ttl time.Duration, sites int) *crowd {
	c := &crowd{load: make([]float64, sites), given: make([]float64, sites)}
	for i := range askers {
		c.until, c.site = append(c.until, int(ttl/tick)*i/askers), append(c.site, 0)
	}
	c.load[0] = float64(askers)
	return c
}

const tick = time.Second / 10

// pass lets a tick go by in which who asks is sent to one site, by an answer that lives for ttl.
func (c *crowd) pass(at, site int, ttl time.Duration) {
	held := make([]float64, len(c.load))
	for i := range c.until {
		if at >= c.until[i] {
			c.site[i], c.until[i] = site, at+int(ttl/tick)
			c.given[site] += ttl.Seconds()
		}
		held[c.site[i]]++
	}
	for s := range c.load {
		c.load[s] += (held[s] - c.load[s]) * (1 - math.Exp(-float64(tick)/float64(DefaultConnectionLife)))
	}
}

// epoch lets an epoch go by, and settles cells.
func (c *crowd) epoch(p Policy, cells []cell, epoch, site int, as term) []cell {
	ttl := p.TTL
	if as == calm {
		ttl = p.CalmTTL
	}
	for i := range int(Epoch / tick) {
		c.pass(epoch*int(Epoch/tick)+i, site, ttl)
	}
	for s, seconds := range c.given {
		cells = give(cells, s, seconds/Epoch.Seconds())
	}
	clear(c.given)
	for i := range cells {
		cells[i].remember(as)
		cells[i].settle(p, Epoch, epoch == 0, cells[i].holds(p, Epoch, as))
		cells[i].now = 0
	}
	return cells
}

// Cells follow a crowd of resolvers: what they were given explains what sites measure, with answers that live for one epoch,
// for two and for four, and where they live longer for as long as it is calm.
func TestCellsFollowACrowd(t *testing.T) {
	for _, policy := range []Policy{
		{TTL: 15 * time.Second}, {TTL: 30 * time.Second}, {TTL: 60 * time.Second},
		{TTL: 30 * time.Second, CalmTTL: 60 * time.Second}, {TTL: 15 * time.Second, CalmTTL: 2 * time.Minute},
	} {
		const askers, sites = 300, 3
		policy = policy.withDefaults()
		random, c := rand.New(rand.NewPCG(1, uint64(policy.TTL))), newCrowd(askers, policy.TTL, sites)
		var cells []cell
		for epoch := range 60 {
			site, as := 0, usual
			if epoch > 8 {
				site = random.IntN(sites)
			}
			if policy.CalmTTL > 0 && epoch/10%2 == 1 {
				as = calm
			}
			cells = c.epoch(policy, cells, epoch, site, as)
			for _, cell := range cells {
				if off := math.Abs(cell.answers-c.load[cell.site]) / askers; epoch > 8 && off > 0.02 {
					t.Errorf("TTL %v, calm %v, epoch %d: %.1f answers at site %d, its load is %.1f", policy.TTL, policy.CalmTTL, epoch, cell.answers, cell.site, c.load[cell.site])
				}
			}
		}
	}
}

// Brief answers are all renewed in an epoch, and go over at once; those that were given while calm are still held.
func TestBriefCells(t *testing.T) {
	policy := Policy{CalmTTL: time.Minute}.withDefaults()
	for _, c := range []struct {
		calm uint8
		held float64
	}{{0, 0}, {0b01, 2}, {0b11, 4}} {
		cell := cell{given: []float64{8, 8}, held: 8, answers: 8, calm: c.calm}
		cell.remember(brief)
		cell.settle(policy, Epoch, false, cell.holds(policy, Epoch, brief))
		part := c.held / 8
		if want := 8 * (math.Exp(-1)*(1-part) + (1-2*math.Exp(-1))*(1-part) + part*(1-math.Exp(-1)) + part*math.Exp(-1)); cell.held != c.held || math.Abs(cell.answers-want) > 1e-9 {
			t.Errorf("calm %b: %.3f held, want %.3f; %.3f in effect, want %.3f", c.calm, cell.held, c.held, cell.answers, want)
		}
	}
}

// Shares make one as long as answers of a calm Step are held.
func TestSharesOfCalmCells(t *testing.T) {
	policy := Policy{CalmTTL: time.Minute}.withDefaults()
	for _, c := range []struct {
		name string
		calm uint8
		as   term
		want float64
	}{
		{"never calm", 0, usual, 0.5}, {"brief", 0, brief, 1}, {"calm", 0b111, calm, 0.25}, {"calm until now", 0b110, usual, 0.25},
		{"calm until now, and brief", 0b110, brief, 0.25}, {"calm long ago", 0b10000, usual, 0.5},
	} {
		cell := cell{given: []float64{1, 0, 0, 0, 0}, calm: c.calm}
		if got := cell.follows(policy, Epoch, c.as); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
