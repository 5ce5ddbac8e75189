package solve

// start is the first tree: each class in turn fills the sites that are cheapest for it, with what their room is taken to
// be worth, as far as the room goes. A site whose step a class fills and then leaves hangs below that class, and takes no
// more; so what flows is a tree, and strongly feasible: from every node a little more could flow to the root.
type start struct {
	*network
	hint []int64 // by site: what its room is worth at least
	step []int32 // by site: the arc of the first step with room
	shut []bool  // by site: it hangs below a class
}

// start sets flows, states and tree.
func (n *network) start(hint []int64) {
	sites := n.root - n.classes
	s := start{network: n, hint: hint, step: append([]int32(nil), n.stepsOf[:sites]...), shut: make([]bool, sites)}
	n.tree.reset(n.root + 1)
	for k := range n.classes {
		s.place(k)
	}
	for i, shut := range s.shut {
		if !shut {
			n.parent[n.classes+i], n.pred[n.classes+i] = int32(n.root), s.step[i]
		}
	}
	for a := range n.state {
		n.state[a] = n.side(int32(a))
	}
	for k := range n.classes {
		n.keepOut(k)
	}
	for _, a := range n.pred[:n.root] {
		n.state[a] = inTree
	}
	n.grow()
}

// side is where an arc that is not in the tree stands.
func (n *network) side(a int32) int8 {
	if n.flow[a] == 0 {
		return atLower
	}
	return atUpper
}

// keepOut makes no candidates of the arcs of a class without demand, which serveIdle serves in the end.
func (n *network) keepOut(k int) {
	if n.supply[k] > 0 {
		return
	}
	for a := n.arcsOf[k]; a < n.arcsOf[k+1]; a++ {
		n.state[a] = inTree
	}
}

// place fills sites with a class and hangs it into the tree.
func (s *start) place(k int) {
	last := s.fill(k)
	if last < 0 {
		last = s.spare(k)
	}
	s.parent[k], s.pred[k] = s.to[last], last
	for a := s.arcsOf[k]; a < s.arcsOf[k+1]; a++ {
		if a != last && 0 < s.flow[a] && s.flow[a] < s.cap[a] {
			s.parent[s.to[a]], s.pred[s.to[a]] = int32(k), a
			s.shut[int(s.to[a])-s.classes] = true
		}
	}
}

// fill places all demand of a class and returns the last arc with room, -1 if all that it used are full.
func (s *start) fill(k int) int32 {
	last := int32(-1)
	for rest := s.supply[k]; rest > 0; {
		a := s.cheapest(k)
		if a < 0 {
			last = s.direct(k)
			s.flow[last] = rest
			return last
		}
		site := int(s.to[a]) - s.classes
		step := s.step[site]
		amount := min(rest, s.cap[a]-s.flow[a], s.cap[step]-s.flow[step])
		s.flow[a] += amount
		s.flow[step] += amount
		rest -= amount
		if s.flow[step] == s.cap[step] {
			s.step[site]++
		}
		if last = a; s.flow[a] == s.cap[a] {
			last = -1
		}
	}
	return last
}

// cheapest is the arc of a class that has room, to a site that takes more; -1 if there is none.
func (s *start) cheapest(k int) int32 {
	best, least := int32(-1), int64(0)
	for a := s.arcsOf[k]; a < s.arcsOf[k+1]; a++ {
		site := int(s.to[a]) - s.classes
		if s.shut[site] || s.flow[a] == s.cap[a] {
			continue
		}
		cost := s.cost[a] + max(s.hint[site], s.cost[s.step[site]])
		if best < 0 || cost < least {
			best, least = a, cost
		}
	}
	return best
}

// spare is an arc that hangs a class into the tree with room: one that it uses, else one that it could, else the direct
// one.
func (s *start) spare(k int) int32 {
	spare := s.direct(k)
	if s.supply[k] == 0 {
		return spare
	}
	for a := s.arcsOf[k]; a < s.arcsOf[k+1]; a++ {
		if s.flow[a] == s.cap[a] {
			continue
		}
		if s.flow[a] > 0 {
			return a
		}
		if spare == s.direct(k) || s.cost[a] < s.cost[spare] {
			spare = a
		}
	}
	return spare
}

// direct is the arc of a class to the root.
func (n *network) direct(k int) int32 { return n.stepsOf[n.root-n.classes] + int32(k) }

// spread is how a class would share out its demand if a site's room cost its price: cheapest first. Take is called with
// the parts.
func (n *network) spread(k int, price []int64, take func(a int32, amount int64)) {
	first := n.arcsOf[k]
	n.left = append(n.left[:0], n.cap[first:n.arcsOf[k+1]]...)
	for rest := n.demand(k); rest > 0; {
		best, least := -1, int64(0)
		for i, left := range n.left {
			a := first + int32(i)
			if cost := n.cost[a] + price[int(n.to[a])-n.classes]; left > 0 && (best < 0 || cost < least) {
				best, least = i, cost
			}
		}
		amount := min(rest, n.left[best])
		n.left[best] -= amount
		rest -= amount
		take(first+int32(best), amount)
	}
}

// serveIdle gives the classes without demand the flows that a first request would have.
func (n *network) serveIdle() {
	var price []int64
	for i := range n.root - n.classes {
		a := n.stepsOf[i]
		for n.flow[a] == n.cap[a] {
			a++
		}
		price = append(price, n.cost[a])
	}
	for k := range n.classes {
		if n.supply[k] == 0 {
			n.spread(k, price, func(a int32, amount int64) { n.flow[a] += amount })
		}
	}
}
