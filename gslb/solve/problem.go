package solve

import (
	"fmt"
	"math/big"

	"tidegate.dev/tidegate/gslb"
)

// Cost is in microseconds of round trip for each request. What is not time (a line's penalty, money) is given in the
// time that it is worth.
type Cost int64

// MaxCost bounds every cost that a problem gives: a quarter of an hour.
const MaxCost Cost = 1_000_000_000

// maxNodes bounds the number of sites and that of classes, so that potentials stay inside 64 bits.
const maxNodes = 1 << 16

// Problem is one service's demand, and what its sites can take.
type Problem struct {
	Sites   []Site
	Classes []Class
	// MovePenalty is what it costs to serve a request at another site than the last shares say. It is charged for what
	// a site gets above its last part of the class, so for half of the sum of all |new - old|.
	MovePenalty Cost
}

// Site is what one site can take.
type Site struct {
	// Steps ascend in both numbers. Past the last one is overload, which no saving justifies. A site without steps
	// takes nothing but overload that nobody else can be given.
	Steps []Step
}

// Step says that load above the step before, up to UpTo, costs this much more.
type Step struct {
	UpTo gslb.MilliRPS
	Cost Cost
}

// Class is the demand of clients that may be sent to the same sites.
type Class struct {
	// Demand is at most gslb.MaxRate. A class without demand gets shares as well: those of its first request.
	Demand gslb.MilliRPS
	// Edges are the sites that may serve it, each once: a site that may not is left out. There is at least one.
	Edges []Edge
	// MaxShare is the most that one site may get; 0 is the whole. A fan-out of at least k sites is 10,000/k. With too few
	// edges for it, it is what lets them share alike.
	MaxShare gslb.Share
}

// Edge is a site that may serve a class.
type Edge struct {
	Site int
	Cost Cost
	// Previous is the site's part of the last shares. Where all are zero the class is new, and nothing counts as moved.
	Previous gslb.Share
}

// Solution is the least cost, and how it is reached.
type Solution struct {
	// Shares is like Problem.Classes and their Edges; each class's add up to gslb.WholeShare.
	Shares [][]gslb.Share
	// Load is what each site gets, rounded down, and Overload the part of it above the last step.
	Load, Overload []gslb.MilliRPS
	// Overloaded is the sum over the sites: demand that lacks capacity.
	Overloaded gslb.MilliRPS
	// Objective is what the flows cost: microseconds times milli-RPS, with steps and move penalty, without a price for
	// overload. Bound is a lower bound, from the potentials and the problem alone: nothing that overloads the sites no
	// more costs less. Both are rounded down.
	Objective, Bound *big.Int
	// MovedShare is the part of all demand that goes to another site than the last shares said.
	MovedShare gslb.Share
	// Pivots is how many steps the simplex took.
	Pivots int
}

// Gap is by how much the objective may be above the optimum, in millionths of the bound, rounded up.
func (s *Solution) Gap() int64 {
	over := new(big.Int).Sub(s.Objective, s.Bound)
	if over.Sign() == 0 || s.Bound.Sign() <= 0 {
		return int64(over.Sign()) * 1_000_000
	}
	over.Mul(over, big.NewInt(1_000_000))
	over.Add(over, s.Bound).Sub(over, big.NewInt(1))
	return over.Quo(over, s.Bound).Int64()
}

// check says where a problem is not one.
func (p *Problem) check() error {
	if len(p.Sites) > maxNodes || len(p.Classes) > maxNodes {
		return fmt.Errorf("%d sites, %d classes: at most %d of each", len(p.Sites), len(p.Classes), maxNodes)
	}
	if p.MovePenalty < 0 || p.MovePenalty > MaxCost {
		return fmt.Errorf("move penalty: %d, want 0 to %d", p.MovePenalty, MaxCost)
	}
	for i, s := range p.Sites {
		if err := s.check(); err != nil {
			return fmt.Errorf("sites[%d].%w", i, err)
		}
	}
	class := make([]int, len(p.Sites)) // the last one, from 1, that has an edge to a site
	for i := range p.Classes {
		if err := p.Classes[i].check(class, i+1); err != nil {
			return fmt.Errorf("classes[%d]: %w", i, err)
		}
	}
	return nil
}

func (s Site) check() error {
	var last Step
	for i, step := range s.Steps {
		if step.UpTo < last.UpTo || step.Cost < last.Cost {
			return fmt.Errorf("steps[%d]: %d at cost %d after %d at cost %d: steps must ascend", i, step.UpTo, step.Cost, last.UpTo, last.Cost)
		}
		if step.Cost > MaxCost {
			return fmt.Errorf("steps[%d]: cost %d, want at most %d", i, step.Cost, MaxCost)
		}
		last = step
	}
	return nil
}

func (c *Class) check(class []int, number int) error {
	switch {
	case len(c.Edges) == 0:
		return fmt.Errorf("no edge")
	case c.Demand < 0 || c.Demand > gslb.MaxRate:
		return fmt.Errorf("demand %d, want 0 to %d", c.Demand, gslb.MaxRate)
	case c.MaxShare < 0 || c.MaxShare > gslb.WholeShare:
		return fmt.Errorf("max share %d, want 0 to %d", c.MaxShare, gslb.WholeShare)
	}
	sum := int64(0)
	for i, e := range c.Edges {
		if err := e.check(class, number); err != nil {
			return fmt.Errorf("edges[%d]: %w", i, err)
		}
		sum += int64(e.Previous)
	}
	if sum > int64(gslb.WholeShare) {
		return fmt.Errorf("previous shares add up to %d, want at most %d", sum, gslb.WholeShare)
	}
	return nil
}

func (e Edge) check(class []int, number int) error {
	switch {
	case e.Site < 0 || e.Site >= len(class):
		return fmt.Errorf("site %d of %d", e.Site, len(class))
	case class[e.Site] == number:
		return fmt.Errorf("site %d again", e.Site)
	case e.Cost < 0 || e.Cost > MaxCost:
		return fmt.Errorf("cost %d, want 0 to %d", e.Cost, MaxCost)
	case e.Previous < 0:
		return fmt.Errorf("previous share %d is negative", e.Previous)
	}
	class[e.Site] = number
	return nil
}

// maxShare is MaxShare as far as the edges allow.
func (c *Class) maxShare() gslb.Share {
	if c.MaxShare == 0 {
		return gslb.WholeShare
	}
	edges := gslb.Share(len(c.Edges))
	return max(c.MaxShare, (gslb.WholeShare+edges-1)/edges)
}

// isNew says that the class had no shares before.
func (c *Class) isNew() bool {
	for _, e := range c.Edges {
		if e.Previous > 0 {
			return false
		}
	}
	return true
}
