package solve

import "tidegate.dev/tidegate/gslb"

const (
	// noLimit is more than any flow: see units.
	noLimit int64 = 1 << 60
	// maxUnits is the most that all demand may come to. A site's limit and 1,000 % of overload then fit into 62 bits.
	maxUnits = 1 << 58
)

// overloadPercent are the parts of a site's limit at which its overload gets dearer: fine near the limit, then coarser.
var overloadPercent = [...]int64{2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000}

// Where an arc that is not in the tree stands. The signs make a violation positive in entering.
const (
	atLower int8 = -1
	inTree  int8 = 0
	atUpper int8 = 1
)

// network is a problem as nodes and arcs. The nodes are the classes, then the sites, then the root: the sink. The arcs are
// those of the classes, then the steps of the sites, then one from each class to the root, for want of another; no
// optimum uses those.
type network struct {
	classes, root int
	unit          int64   // parts of a milli-RPS that flows count
	supply        []int64 // by class

	from, to        []int32
	cost, cap, flow []int64
	state           []int8
	edge            []int32 // of a class' arc: its edge, counted in the class
	arcsOf          []int32 // where the arcs of a class begin; one more at the end
	stepsOf         []int32 // where the arcs of a site begin; one more at the end
	pastLimit       []int32 // the first of them that is overload

	tree
	scanned int32   // where the search for an arc goes on
	left    []int64 // scratch of spread
}

// build writes the problem down.
func (n *network) build(p *Problem) {
	n.classes, n.root = len(p.Classes), len(p.Classes)+len(p.Sites)
	n.from, n.to, n.cost, n.cap, n.edge = n.from[:0], n.to[:0], n.cost[:0], n.cap[:0], n.edge[:0]
	n.supply, n.arcsOf, n.stepsOf, n.pastLimit = n.supply[:0], n.arcsOf[:0], n.stepsOf[:0], n.pastLimit[:0]
	total := int64(0)
	for k := range p.Classes {
		total += int64(p.Classes[k].Demand)
	}
	n.unit = units(total)
	for k := range p.Classes {
		n.addClass(p, k)
	}
	n.arcsOf = append(n.arcsOf, int32(len(n.from)))
	price := overloadPrice(p)
	for i := range p.Sites {
		n.addSite(i, p.Sites[i].Steps, total, price)
	}
	n.stepsOf = append(n.stepsOf, int32(len(n.from)))
	for k := range p.Classes {
		n.add(k, n.root, price*int64(len(overloadPercent)+2), noLimit)
	}
	n.flow = append(n.flow[:0], make([]int64, len(n.from))...)
	n.state = append(n.state[:0], make([]int8, len(n.from))...)
}

// units is how many parts of a milli-RPS are counted: ten-thousandths, so that shares of a rate are whole numbers. Where
// all demand together would not fit, 2.8 * 10^13 milli-RPS or more, it is the next power of ten that does; rates stay
// exact, and what is rounded to a unit is MaxShare and Previous.
func units(total int64) int64 {
	unit := int64(gslb.WholeShare)
	for unit > 1 && total > maxUnits/unit {
		unit /= 10
	}
	return unit
}

// overloadPrice is dearer than any detour. A way round passes each site once, and what it saves is at most an edge and a
// move on each side of it; in the end there may be a step. With MaxCost and maxNodes it is below 2^48, so all potentials
// are below 2^53.
func overloadPrice(p *Problem) int64 {
	var edge, step Cost
	for k := range p.Classes {
		for _, e := range p.Classes[k].Edges {
			edge = max(edge, e.Cost)
		}
	}
	for _, s := range p.Sites {
		if last := len(s.Steps) - 1; last >= 0 {
			step = max(step, s.Steps[last].Cost)
		}
	}
	return 2*int64(len(p.Sites)+1)*int64(edge+p.MovePenalty) + int64(step) + 1
}

func (n *network) add(from, to int, cost, limit int64) {
	n.from, n.to = append(n.from, int32(from)), append(n.to, int32(to))
	n.cost, n.cap = append(n.cost, cost), append(n.cap, limit)
}

// demand is what a class shares out: something, for the shares of a class without demand.
func (n *network) demand(k int) int64 {
	if n.supply[k] > 0 {
		return n.supply[k]
	}
	return int64(gslb.WholeShare)
}

// addClass makes up to two arcs of an edge: the last share without, and what is above it with the move penalty.
func (n *network) addClass(p *Problem, k int) {
	class := &p.Classes[k]
	n.supply = append(n.supply, int64(class.Demand)*n.unit)
	n.arcsOf = append(n.arcsOf, int32(len(n.from)))
	demand, penalty := n.demand(k), int64(p.MovePenalty)
	if class.isNew() {
		penalty = 0
	}
	most := partUp(demand, class.maxShare())
	for i, e := range class.Edges {
		kept := min(part(demand, e.Previous), most)
		if kept > 0 {
			n.add(k, n.classes+e.Site, int64(e.Cost), kept)
			n.edge = append(n.edge, int32(i))
		}
		if kept < most {
			n.add(k, n.classes+e.Site, int64(e.Cost)+penalty, most-kept)
			n.edge = append(n.edge, int32(i))
		}
	}
}

// addSite makes an arc of each step, and of each level of overload. No limit above the whole demand matters.
func (n *network) addSite(i int, steps []Step, total, price int64) {
	node, limit := n.classes+i, int64(0)
	n.stepsOf = append(n.stepsOf, int32(len(n.from)))
	for _, step := range steps {
		upTo := min(int64(step.UpTo), total) * n.unit
		if upTo > limit {
			n.add(node, n.root, int64(step.Cost), upTo-limit)
			limit = upTo
		}
	}
	n.pastLimit = append(n.pastLimit, int32(len(n.from)))
	last := int64(0)
	for level, percent := range overloadPercent {
		upTo := limit / 100 * percent
		if upTo > last {
			n.add(node, n.root, price*int64(level+1), upTo-last)
			last = upTo
		}
	}
	n.add(node, n.root, price*int64(len(overloadPercent)+1), noLimit)
}

// part is a share of an amount, rounded down.
func part(amount int64, share gslb.Share) int64 {
	const whole = int64(gslb.WholeShare)
	return amount/whole*int64(share) + amount%whole*int64(share)/whole
}

// partUp is a share of an amount, rounded up.
func partUp(amount int64, share gslb.Share) int64 {
	const whole = int64(gslb.WholeShare)
	return amount/whole*int64(share) + (amount%whole*int64(share)+whole-1)/whole
}
