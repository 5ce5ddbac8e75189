package plan

import (
	"cmp"
	"container/heap"
	"slices"
)

// merger joins classes whose candidates begin alike, the lightest first: the lightest list loses its last candidate, and
// joins the list that is then its equal, if there is one. A candidate counts twice the one after it, so a light list waits
// for others to join it before it loses more, and the first one much more. Lists of different tags are never joined.
type merger struct {
	nodes []mergeNode
	at    map[mergeKey]int32
	queue mergeQueue
	left  int
}

// mergeKey is a list of candidates and where its tags are.
type mergeKey struct {
	tags, count uint32
	list        [MaxCandidates]uint32
}

// mergeNode is a list that classes have, or had.
type mergeNode struct {
	key    mergeKey
	weight int64
	into   int32 // the node that it became part of, or alive
}

const alive = -1

func newMerger() *merger { return &merger{at: map[mergeKey]int32{}} }

// add adds a class; classes are numbered like their nodes, and no two are equal.
func (m *merger) add(key mergeKey, weight int64) {
	m.at[key] = int32(len(m.nodes))
	m.nodes = append(m.nodes, mergeNode{key: key, weight: weight, into: alive})
	m.left++
}

// merge joins lists until most are left, or none can be shortened.
func (m *merger) merge(most int) {
	if m.left <= most {
		return
	}
	for i := range m.nodes {
		m.push(int32(i))
	}
	for m.left > most && len(m.queue) > 0 {
		first := heap.Pop(&m.queue).(merging)
		if n := &m.nodes[first.node]; n.into == alive && n.weight == first.weight {
			m.shorten(first.node)
		}
	}
}

func (m *merger) push(node int32) {
	if n := &m.nodes[node]; n.key.count > 0 {
		heap.Push(&m.queue, merging{key: n.key, weight: n.weight, node: node})
	}
}

// shorten takes a list's last candidate away.
func (m *merger) shorten(node int32) {
	key := m.nodes[node].key
	key.count--
	key.list[key.count] = 0
	into, known := m.at[key]
	if known {
		into = m.root(into)
		m.nodes[into].weight += m.nodes[node].weight
		m.left--
	} else {
		into = int32(len(m.nodes))
		m.at[key] = into
		m.nodes = append(m.nodes, mergeNode{key: key, weight: m.nodes[node].weight, into: alive})
	}
	m.nodes[node].into = into
	m.push(into)
}

// root is the node that a node is part of now.
func (m *merger) root(node int32) int32 {
	for m.nodes[node].into != alive {
		node = m.nodes[node].into
	}
	return node
}

// merging is a node in the queue, with the weight that it had when it was put there.
type merging struct {
	key    mergeKey
	weight int64
	node   int32
}

// mergeQueue has the node to shorten next first.
type mergeQueue []merging

func (q mergeQueue) Len() int           { return len(q) }
func (q mergeQueue) Less(i, j int) bool { return q[i].compare(q[j]) < 0 }
func (q mergeQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *mergeQueue) Push(x any)        { *q = append(*q, x.(merging)) }

// Pop takes the last one, as container/heap asks.
func (q *mergeQueue) Pop() any {
	last := len(*q) - 1
	out := (*q)[last]
	*q = (*q)[:last]
	return out
}

func (m merging) compare(o merging) int {
	return cmp.Or(
		cmp.Compare(m.price(), o.price()),
		cmp.Compare(o.key.count, m.key.count),
		slices.Compare(m.key.list[:], o.key.list[:]),
		cmp.Compare(m.key.tags, o.key.tags),
	)
}

// firstCandidateBits is how many times it doubles the price when the first candidate goes: such clients may get any site.
const firstCandidateBits = 6

// price is what the loss of the last candidate counts. A weight has less than 32 bits.
func (m merging) price() int64 {
	price := m.weight << (MaxCandidates - m.key.count)
	if m.key.count == 1 {
		price <<= firstCandidateBits
	}
	return price
}
