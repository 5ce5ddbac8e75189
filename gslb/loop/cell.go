package loop

import (
	"math"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// cell is how many answers send somebody to a site. Resolvers hold an answer until it expires; what new connections bring
// follows what is held at once, and load as the old ones end.
type cell struct {
	site int
	// held is how many resolvers hold, mean how many they held while the Step lasted, weighted by what is left of the
	// connections of then. answers are those whose clients are at the site: what load follows.
	held, mean, answers float64
	// given is how many were given, Step by Step, the newest first: as many as resolvers hold if all asked in that Step.
	given []float64
	calm  uint8   // the Steps of given in which the site was calm, a bit for each, the newest the lowest
	now   float64 // given in this Step
}

// mostGiven bounds for how many Steps an answer is remembered.
const mostGiven = 8

// give adds answers of this Step to a list of cells.
func give(cells []cell, site int, answers float64) []cell {
	for i := range cells {
		if cells[i].site == site {
			cells[i].now += answers
			return cells
		}
	}
	return append(cells, cell{site: site, now: answers})
}

// term says how long the answers of a Step live.
type term uint8

// The terms: as long as the service's TTL says, shorter than a Step, or as long as the policy says for calm sites.
const (
	usual term = iota
	brief
	calm
)

// remember ends a Step for what was given.
func (c *cell) remember(as term) {
	c.given = append([]float64{c.now}, c.given[:min(len(c.given), mostGiven-1)]...)
	c.calm <<= 1
	if as == calm {
		c.calm |= 1
	}
}

// holds is how many of the answers resolvers hold. Of those that live for several Steps only a part is renewed in one, so that
// it is the mean over so many; brief ones are all renewed. What was given while calm is held on when the calm is over.
func (c *cell) holds(p Policy, elapsed time.Duration, as term) (sum float64) {
	if as == calm {
		as = usual // those from before the calm
	}
	for k, answers := range c.given {
		steps := p.lives(elapsed, as)
		if c.calm>>k&1 == 1 {
			steps = p.lives(elapsed, calm)
		}
		if k < steps {
			sum += answers / float64(steps)
		}
	}
	return sum
}

// follows is the same where shares were given, which are parts of one: as long as any of the answers may be of a calm Step, it
// is the mean over as many Steps as those live, so that the parts make one.
func (c *cell) follows(p Policy, elapsed time.Duration, as term) float64 {
	if long := p.lives(elapsed, calm); int(c.calm)&(1<<long-1) != 0 {
		return mean(c.given, long)
	}
	return mean(c.given, p.lives(elapsed, as))
}

// settle ends a Step for what is held. It goes over evenly from one Step's end to the next.
func (c *cell) settle(p Policy, elapsed time.Duration, fresh bool, held float64) {
	was := c.held
	c.held = held
	if fresh {
		c.held = c.now // as if all had asked
		c.mean, c.answers = c.held, c.held
		return
	}
	part := elapsed.Seconds() / p.ConnectionLife.Seconds()
	stay := math.Exp(-part)
	late := (1 - stay) / part // of what came evenly, so much is not there yet
	c.mean = (was*(late-stay) + c.held*(1-late)) / (1 - stay)
	c.answers = c.answers*stay + c.mean*(1-stay)
}

// mean is that of the newest n, whether there were as many or not.
func mean(given []float64, n int) (sum float64) {
	for _, answers := range given[:min(n, len(given))] {
		sum += answers / float64(n)
	}
	return sum
}

// lives is for how many Steps an answer does.
func (p Policy) lives(elapsed time.Duration, as term) int {
	ttl := p.TTL
	switch as {
	case brief:
		return 1
	case calm:
		ttl = p.longestTTL()
	}
	return min(max(1, int(math.Round(ttl.Seconds()/elapsed.Seconds()))), mostGiven)
}

// effect is a cell as it is remembered.
type effect struct {
	Site    gslb.SiteID `json:"site"`
	Answers float64     `json:"answers"`
	Held    float64     `json:"held"`
	Given   []float64   `json:"given,omitempty"`
	Calm    uint8       `json:"calm,omitempty"`
}

func (e *effect) cell(site int) cell {
	return cell{site: site, answers: e.Answers, held: e.Held, given: e.Given, calm: e.Calm}
}
