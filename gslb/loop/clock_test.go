package loop

import (
	"encoding/json"
	"testing"
	"time"
)

// A clock that stands still or is set back costs nothing: the Step counts as one an Epoch after the last.
func TestClockIsSetBack(t *testing.T) {
	for _, back := range []time.Duration{0, time.Second, time.Hour} {
		w := trio(t, 110, 60, 40)
		w.settle(20)
		want := w.out
		was := w.state
		in := w.next()
		in.Now = was.At.Add(-back)
		for i := range in.Sites {
			in.Sites[i].Sample.At = in.Now
		}
		state, got := Step(w.policy, was, in)
		if _, err := json.Marshal(state); err != nil {
			t.Errorf("%v back: %v", back, err)
		}
		for i := range got.Sites {
			if a, b := got.Sites[i].After, want.Sites[i].After; a < b*9/10 || a > b*11/10 {
				t.Errorf("%v back: %s is to get %v, after %v", back, got.Sites[i].ID, a, b)
			}
		}
	}
}
