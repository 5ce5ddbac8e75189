package sim

// wheel holds what is due at coming seconds: a list for each second, in one array, so that it allocates nothing. Each
// thing is on one list at most.
type wheel struct {
	head []int32 // by second modulo their number; -1 ends a list
	next []int32 // by thing
}

const noMore = -1

// newWheel can hold things up to seconds-1 seconds ahead.
func newWheel(seconds, things int) wheel {
	w := wheel{head: make([]int32, seconds), next: make([]int32, things)}
	for i := range w.head {
		w.head[i] = noMore
	}
	return w
}

// longest is how many seconds ahead a thing may be due.
func (w *wheel) longest() int64 { return int64(len(w.head)) - 1 }

// add puts a thing on the list of a second, at most longest seconds from now.
func (w *wheel) add(thing int32, at int64) {
	slot := at % int64(len(w.head))
	w.next[thing], w.head[slot] = w.head[slot], thing
}

// take empties the list of a second and returns its first thing; next leads to the others.
func (w *wheel) take(at int64) int32 {
	slot := at % int64(len(w.head))
	first := w.head[slot]
	w.head[slot] = noMore
	return first
}
