package loop

import (
	"testing"

	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/solve"
)

// castaways is a class whose only candidate dies beside two sites with clients of their own.
func castaways(t *testing.T) *world {
	class := func(key plan.ClassKey, demand float64, costs map[int]solve.Cost) worldClass {
		return worldClass{key: key, demand: demand, answers: 50, costs: costs}
	}
	return newWorld(t, []worldSite{{id: "ams", claimed: 100}, {id: "fra", claimed: 100}, {id: "iad", claimed: 300}}, []worldClass{
		class("0000000000000000", 60, map[int]solve.Cost{0: 1000}),
		class("0000000000000001", 85, map[int]solve.Cost{1: 1000, 2: 20_000}),
		class("0000000000000002", 50, map[int]solve.Cost{2: 1000}),
	})
}

// A class that has lost its candidates goes to all other sites by capacity, and takes of their room.
func TestStraysTakeRoom(t *testing.T) {
	w := castaways(t)
	w.settle(20)
	w.sites[0].down = true
	w.pass()
	fra := w.out.Sites[1]
	if fra.Stray < 14_000 || fra.Stray > 16_000 { // a quarter of 60
		t.Errorf("%v stray to fra", fra.Stray)
	}
	if fra.Before+fra.Stray < 90_000 || fra.After+fra.Stray > 90_100 {
		t.Errorf("fra gets %v after %v beside the %v that stray there", fra.After, fra.Before, fra.Stray)
	}
	w.sites[0].down = false
	w.settle(20)
	if s := w.out.Sites[1].Stray; s != 0 {
		t.Errorf("%v stray though their site is up", s)
	}
}

// Where only some sites may serve a class, it strays to no other.
func TestStraysStayWhereTheyMay(t *testing.T) {
	w := castaways(t)
	w.settle(20)
	w.sites[0].down = true
	w.now = w.now.Add(Epoch)
	in := w.input()
	in.Classes[0].Allowed = []bool{true, false, true}
	_, out := Step(w.policy, w.state, in)
	if out.Sites[1].Stray != 0 || out.Sites[2].Stray < 50_000 {
		t.Errorf("%v stray to fra, %v to iad", out.Sites[1].Stray, out.Sites[2].Stray)
	}
}
