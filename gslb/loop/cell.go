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

// settle ends a Step. Of answers that live for several Steps only a part is renewed in one, so that what resolvers hold is the
// mean over so many; brief ones are all renewed. What is held goes over evenly from one Step's end to the next.
func (c *cell) settle(p Policy, elapsed time.Duration, fresh, brief bool) {
	c.given = append([]float64{c.now}, c.given[:min(len(c.given), mostGiven-1)]...)
	was := c.held
	c.held = mean(c.given, p.lives(elapsed, fresh || brief))
	if fresh {
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
func (p Policy) lives(elapsed time.Duration, brief bool) int {
	if brief {
		return 1
	}
	return min(max(1, int(math.Round(p.TTL.Seconds()/elapsed.Seconds()))), mostGiven)
}

// effect is a cell as it is remembered.
type effect struct {
	Site    gslb.SiteID `json:"site"`
	Answers float64     `json:"answers"`
	Held    float64     `json:"held"`
	Given   []float64   `json:"given,omitempty"`
}

func (e *effect) cell(site int) cell {
	return cell{site: site, answers: e.Answers, held: e.Held, given: e.Given}
}
