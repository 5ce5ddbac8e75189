package solve

// simplex exchanges arcs of the tree until no exchange saves anything, and returns how many it took.
func (n *network) simplex() (pivots int) {
	n.scanned = 0
	for {
		a := n.entering()
		if a < 0 {
			return pivots
		}
		n.pivot(a)
		pivots++
	}
}

// entering is the arc that saves most of the first block that has any; -1 if there is none. A block is about the square
// root of all arcs (Grigoriadis, "An efficient implementation of the network simplex method", 1986).
func (n *network) entering() int32 {
	end := n.stepsOf[n.root-n.classes] // no direct arc comes back
	block := blockSize(end)
	best, most, a := int32(-1), int64(0), n.scanned
	from, to, cost, state, y := n.from[:end], n.to[:end], n.cost[:end], n.state[:end], n.y
	for scanned := int32(0); scanned < end; {
		stop := min(a+block, end)
		scanned += stop - a
		for ; a < stop; a++ {
			if saves := int64(state[a]) * (cost[a] - y[from[a]] + y[to[a]]); saves > most {
				best, most = a, saves
			}
		}
		if a == end {
			a = 0
		}
		if best >= 0 {
			break
		}
	}
	n.scanned = a
	return best
}

func blockSize(arcs int32) int32 {
	size := int32(16)
	for size*size < arcs {
		size++
	}
	return size
}

// pivot sends what it can round the cycle that an arc closes in the tree, and puts the arc in the place of the one that
// keeps it from sending more.
func (n *network) pivot(enter int32) {
	first, second := n.from[enter], n.to[enter] // the direction of what is sent
	reduced := n.cost[enter] - n.y[first] + n.y[second]
	if n.state[enter] == atUpper {
		first, second = second, first
	}
	top := n.meet(first, second)
	amount, leave, old, inner, outer := n.leaving(enter, first, second, top)
	if amount > 0 {
		n.send(enter, first, second, top, amount)
	}
	if leave == enter {
		n.state[enter] = -n.state[enter]
		return
	}
	n.state[leave], n.state[enter] = n.side(leave), inTree
	if n.from[enter] != inner {
		reduced = -reduced
	}
	n.turn(old, inner, outer, enter, reduced)
}

// leaving is how much the cycle can take, and the arc that ends it; of several, the last one on the way round from the
// top, which keeps the tree strongly feasible. Old is the node below that arc; inner is the end of the entering arc on
// its side, and outer the other.
func (n *network) leaving(enter, first, second, top int32) (amount int64, leave, old, inner, outer int32) {
	amount, leave = n.cap[enter], enter // an arc outside the tree is empty or full: both ways its room is its capacity
	for v := first; v != top; v = n.parent[v] {
		if room := n.roomDown(v); room < amount {
			amount, leave, old, inner, outer = room, n.pred[v], v, first, second
		}
	}
	for v := second; v != top; v = n.parent[v] {
		if room := n.roomUp(v); room <= amount {
			amount, leave, old, inner, outer = room, n.pred[v], v, second, first
		}
	}
	return amount, leave, old, inner, outer
}

// roomUp is how much more can go from v to its parent.
func (n *network) roomUp(v int32) int64 {
	a := n.pred[v]
	if n.from[a] == v {
		return n.cap[a] - n.flow[a]
	}
	return n.flow[a]
}

// roomDown is how much more can come to v from its parent.
func (n *network) roomDown(v int32) int64 {
	a := n.pred[v]
	if n.from[a] == v {
		return n.flow[a]
	}
	return n.cap[a] - n.flow[a]
}

func (n *network) send(enter, first, second, top int32, amount int64) {
	if n.from[enter] == first {
		n.flow[enter] += amount
	} else {
		n.flow[enter] -= amount
	}
	for v := first; v != top; v = n.parent[v] {
		if a := n.pred[v]; n.from[a] == v {
			n.flow[a] -= amount
		} else {
			n.flow[a] += amount
		}
	}
	for v := second; v != top; v = n.parent[v] {
		if a := n.pred[v]; n.from[a] == v {
			n.flow[a] += amount
		} else {
			n.flow[a] -= amount
		}
	}
}
