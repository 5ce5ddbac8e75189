package solve

// tree is the spanning tree of the network, hung up at the root. A node's y is what one more unit would cost from there
// to the root along the tree: its potential.
type tree struct {
	parent, pred      []int32 // of a node; pred is the arc between them
	child, next, prev []int32 // the children of a node are a list; -1 ends it
	depth             []int32
	y                 []int64
}

// reset makes room for a tree whose parents and preds are to be set.
func (t *tree) reset(nodes int) {
	for _, list := range []*[]int32{&t.parent, &t.pred, &t.child, &t.next, &t.prev, &t.depth} {
		*list = (*list)[:0]
		for range nodes {
			*list = append(*list, -1)
		}
	}
	t.y = append(t.y[:0], make([]int64, nodes)...)
}

// grow makes the rest of the tree from parents and preds.
func (n *network) grow() {
	for v := range n.root {
		n.hang(int32(v), n.parent[v], n.pred[v])
	}
	root := int32(n.root)
	for v := n.after(root, root); v >= 0; v = n.after(v, root) {
		up, a := n.parent[v], n.pred[v]
		n.depth[v] = n.depth[up] + 1
		if n.from[a] == v {
			n.y[v] = n.y[up] + n.cost[a]
		} else {
			n.y[v] = n.y[up] - n.cost[a]
		}
	}
}

// hang makes v a child of up.
func (t *tree) hang(v, up, arc int32) {
	t.parent[v], t.pred[v] = up, arc
	old := t.child[up]
	t.child[up], t.next[v], t.prev[v] = v, old, -1
	if old >= 0 {
		t.prev[old] = v
	}
}

// cut takes v, and all below it, from its parent.
func (t *tree) cut(v int32) {
	before, behind := t.prev[v], t.next[v]
	if before >= 0 {
		t.next[before] = behind
	} else {
		t.child[t.parent[v]] = behind
	}
	if behind >= 0 {
		t.prev[behind] = before
	}
}

// after is the node behind v in a walk through all nodes below top; -1 at its end.
func (t *tree) after(v, top int32) int32 {
	if down := t.child[v]; down >= 0 {
		return down
	}
	for ; v != top; v = t.parent[v] {
		if t.next[v] >= 0 {
			return t.next[v]
		}
	}
	return -1
}

// turn hangs what is below old, which is inner or above it, to outer by an arc at inner: the way from inner to old turns
// round. The potentials below grow by shift.
func (t *tree) turn(old, inner, outer, arc int32, shift int64) {
	for v, up := inner, outer; ; {
		above, by := t.parent[v], t.pred[v]
		t.cut(v)
		t.hang(v, up, arc)
		if v == old {
			break
		}
		v, up, arc = above, v, by
	}
	for v := inner; v >= 0; v = t.after(v, inner) {
		t.y[v] += shift
		t.depth[v] = t.depth[t.parent[v]] + 1
	}
}

// meet is where the ways of two nodes to the root meet.
func (t *tree) meet(v, w int32) int32 {
	for v != w {
		if t.depth[v] < t.depth[w] {
			v, w = w, v
		}
		v = t.parent[v]
	}
	return v
}
