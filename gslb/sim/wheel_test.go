package sim

import (
	"slices"
	"testing"
)

// TestWheel compares with lists by second.
func TestWheel(t *testing.T) {
	const things, longest = 200, 50
	w, due, random := newWheel(longest+1, things), map[int64][]int32{}, NewStream(3, "wheel")
	add := func(thing int32, now int64) {
		at := now + 1 + int64(random.IntN(longest))
		w.add(thing, at)
		due[at] = append(due[at], thing)
	}
	for i := range int32(things) {
		add(i, 0)
	}
	for now := int64(1); now < 2000; now++ {
		var got []int32
		for i := w.take(now); i != noMore; i = w.next[i] {
			got = append(got, i)
		}
		slices.Sort(got)
		slices.Sort(due[now])
		if !slices.Equal(got, due[now]) {
			t.Fatalf("second %d: %v, want %v", now, got, due[now])
		}
		for _, thing := range got {
			add(thing, now)
		}
	}
}
