package tally

import (
	"fmt"
	"sync"
	"testing"
)

func TestTallyLosesNothing(t *testing.T) {
	s := New(3, 2)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range 1000 {
				s.Add(i%3, i%2, 30)
			}
		})
	}
	got := map[string]int64{}
	take := func(class, endpoint int, seconds int64) { got[fmt.Sprint(class, endpoint)] += seconds }
	s.Take(take)
	wait.Wait()
	s.Take(take)
	sum := int64(0)
	for _, seconds := range got {
		sum += seconds
	}
	if len(got) != 6 || sum != 4*1000*30 {
		t.Errorf("%v, %d in all", got, sum)
	}
	s.Take(func(class, endpoint int, seconds int64) { t.Errorf("%d %d: %d s again", class, endpoint, seconds) })
}

func TestTallyCountsOnlyItsOwn(t *testing.T) {
	s := New(1, 1)
	for _, at := range [][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
		s.Add(at[0], at[1], 30)
	}
	s.Take(func(class, endpoint int, seconds int64) { t.Errorf("%d %d: %d s", class, endpoint, seconds) })
	var none *Service
	none.Add(0, 0, 30)
	none.Take(nil)
}

func TestAddAllocatesOnlyOnce(t *testing.T) {
	s := New(1, 1)
	s.Add(0, 0, 30)
	if n := testing.AllocsPerRun(100, func() { s.Add(0, 0, 30) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
