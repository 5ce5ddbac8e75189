package plan

import (
	"cmp"
	"slices"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// demandCompiler makes the demand classes of compiled classes.
type demandCompiler struct {
	classes *Classes
	geo     *Geo
	names   []gslb.SiteID
	sites   []gslb.Direction
	ids     map[gslb.SiteID]uint16
	// residency has the rules by which classes are kept at sites.
	residency []Residency

	out   *Demand
	cost  []demandCost               // parallel to out.List
	added int64                      // micros times weight
	times map[geodata.RTTRow][]int64 // measured, by site; -1 where nothing was
}

// demandCost sums a class' costs, each times its weight.
type demandCost struct {
	sum    [MaxCandidates]int64
	weight int64
}

// compile makes at most so many classes. It works on a copy of the compiler, so it may be called again.
func (c demandCompiler) compile(most int) *Demand {
	m := c.merged(most)
	c.out = &Demand{of: make([]uint16, c.classes.Len())}
	index := c.list(m, most)
	for group := range c.out.of {
		c.out.of[group] = noDemand
		if i, ok := index[m.root(int32(group))]; ok {
			c.out.of[group] = i
		}
	}
	c.weigh()
	c.sort()
	return c.out
}

// merged joins the classes until no more than most are left.
func (c *demandCompiler) merged(most int) *merger {
	weights := make([]int64, c.classes.Len())
	for place, n := range c.geo.networks() {
		weights[c.classes.groups.Of(geodata.PlaceID(place))] += n.weight()
	}
	m := newMerger()
	for group, packed := range c.classes.list {
		key := mergeKey{tags: packed.matches(), count: packed.count()}
		for i, candidate := range c.classes.lists[packed.first:][:key.count] {
			key.list[i] = uint32(candidate.Site)<<8 | uint32(candidate.Tier)
		}
		m.add(key, weights[group])
	}
	m.merge(most)
	return m
}

// list makes a demand class of every node that is left, and says where it is. Where even then there are too many, the
// heaviest are taken.
func (c *demandCompiler) list(m *merger, most int) map[int32]uint16 {
	var left []int32
	for i := range m.nodes {
		if m.nodes[i].into == alive {
			left = append(left, int32(i))
		}
	}
	slices.SortStableFunc(left, func(a, b int32) int { return cmp.Compare(m.nodes[b].weight, m.nodes[a].weight) })
	index := map[int32]uint16{}
	for i, node := range left[:min(len(left), most)] {
		index[node] = uint16(i)
		c.out.List = append(c.out.List, c.class(m.nodes[node].key))
	}
	return index
}

func (c *demandCompiler) class(key mergeKey) (d DemandClass) {
	for _, packed := range key.list[:key.count] {
		d.Candidates = append(d.Candidates, Candidate{Site: uint16(packed >> 8), Tier: uint8(packed)})
	}
	tags := c.classes.matches[key.tags:]
	d.Tags, d.Residency = slices.Clone(tags[1:1+tags[0]]), c.classes.residency(key.tags)
	return d
}

// weigh counts the networks of the demand classes and averages their costs.
func (c *demandCompiler) weigh() {
	c.cost = make([]demandCost, len(c.out.List))
	total := int64(0)
	for place, n := range c.geo.networks() {
		class := c.classes.at(c.classes.groups.Of(geodata.PlaceID(place)))
		index, ok := c.out.Of(class)
		if !ok {
			continue
		}
		c.out.List[index].Weight += n.weight()
		c.out.List[index].runs6 += n.runs6
		c.addCosts(place, class.Candidates, index, n.weight())
		total += n.weight()
	}
	for i := range c.out.List {
		d := &c.out.List[i]
		for k := range d.Candidates {
			d.CostMicros = append(d.CostMicros, c.cost[i].sum[k]/c.cost[i].weight)
		}
	}
	c.out.AddedMicros = c.added / max(1, total)
}

// addCosts adds those of one place, whose own candidates begin with those of the demand class.
func (c *demandCompiler) addCosts(place int, own []Candidate, index int, weight int64) {
	kept := len(c.out.List[index].Candidates)
	sums := &c.cost[index]
	sums.weight += weight
	if len(own) == 0 {
		return
	}
	times := c.timesOf(place)
	var nearest, nearestKept, sum int64
	for k, candidate := range own {
		micros := c.micros(place, candidate.Site, times)
		sum += micros
		if k == 0 || micros < nearest {
			nearest = micros
		}
		if k < kept {
			sums.sum[k] += micros * weight
			nearestKept = nearest
		}
	}
	if kept == 0 {
		nearestKept = sum / int64(len(own))
	}
	c.added += (nearestKept - nearest) * weight
}

// micros is the round trip between a place and a site.
func (c *demandCompiler) micros(place int, site uint16, times []int64) int64 {
	if times != nil && times[site] >= 0 {
		return times[site]
	}
	km := int64(unplacedKm)
	if at := c.geo.locationOf[place]; at >= 0 {
		km = int64(c.geo.locations[at].DistanceKm(c.sites[site]))
	}
	return km * 1000 / KmPerMillisecond
}

// timesOf is what was measured from a place, by site; nil if nothing was.
func (c *demandCompiler) timesOf(place int) []int64 {
	row := c.geo.Table.Place(geodata.PlaceID(place)).RTT
	if row == 0 || c.times[row] != nil {
		return c.times[row]
	}
	times := make([]int64, len(c.sites))
	for i := range times {
		times[i] = -1
	}
	for _, time := range c.geo.Table.RTT(row) {
		if site, ours := c.ids[time.Site]; ours {
			times[site] = int64(time.Milliseconds) * 1000
		}
	}
	if c.times == nil {
		c.times = map[geodata.RTTRow][]int64{}
	}
	c.times[row] = times
	return times
}

// sort puts the list into the order of its keys.
func (c *demandCompiler) sort() {
	order := make([]uint16, len(c.out.List))
	for i := range c.out.List {
		c.out.List[i].Key, order[i] = c.key(&c.out.List[i]), uint16(i)
	}
	slices.SortFunc(order, func(a, b uint16) int {
		return strings.Compare(string(c.out.List[a].Key), string(c.out.List[b].Key))
	})
	sorted, now := make([]DemandClass, len(order)), make([]uint16, len(order))
	for i, was := range order {
		sorted[i], now[was] = c.out.List[was], uint16(i)
	}
	c.out.List = sorted
	for group, was := range c.out.of {
		if was != noDemand {
			c.out.of[group] = now[was]
		}
	}
}
