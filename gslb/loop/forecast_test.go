package loop

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
)

// next is what the next Step gets.
func (w *world) next() Input {
	for range int(Epoch / time.Second) {
		w.now = w.now.Add(time.Second)
		for i := range w.classes {
			w.ask(i, int(w.now.Unix()%int64(len(w.classes[i].cohorts))))
			w.follow(i)
		}
		w.arrive()
	}
	return w.input()
}

// What is forecast is what comes true, where there is room; where there is none it says so, and what part fits.
func TestForecastComesTrue(t *testing.T) {
	for _, c := range []struct {
		demand [3]float64
		over   bool
	}{
		{[3]float64{60, 20, 20}, false},
		{[3]float64{60, 60, 20}, true},
	} {
		w := trio(t, c.demand[:]...)
		w.settle(10)
		s := Shift{From: 0, To: 1, Share: 5000}
		if c.over {
			s.Share = gslb.WholeShare
		}
		in := w.next()
		f, known := Forecast(w.policy, w.state, in, s)
		if !known || f.Over() != c.over || (f.Fits() < gslb.WholeShare) != c.over {
			t.Fatalf("%v: %v, %+v fits %v", c, known, f, f.Fits())
		}
		share := float64(s.Share) / float64(gslb.WholeShare)
		if got, want := float64(f.To.After)/1000, c.demand[1]+c.demand[0]*share; math.Abs(got-want) > 2 {
			t.Errorf("%v: %s is to get %.1f, want %.1f", c, f.To.ID, got, want)
		}
		w.state, w.out = Step(w.policy, w.state, in)
		if c.over {
			continue
		}
		w.shifts = []Shift{s}
		w.settle(40)
		if got, want := w.sites[1].arrives, float64(f.To.After)/1000; math.Abs(got-want) > 2 {
			t.Errorf("%v: ams carries %.1f, forecast %.1f", c, got, want)
		}
		if got := w.out.Shifts[0].Percent(); got < 48 || got > 52 {
			t.Errorf("%v: %d %% got through: %+v", c, got, w.out.Shifts)
		}
	}
}

// Nothing is forecast for a site that takes nobody.
func TestForecastIsNotKnown(t *testing.T) {
	w := trio(t, 60, 20, 20)
	w.settle(10)
	in := w.next()
	in.Sites[1].Drained = true
	if f, known := Forecast(w.policy, w.state, in, Shift{From: 0, To: 1, Share: 5000}); known {
		t.Errorf("%+v", f)
	}
}

// The room guard's cut shows in how much of a move got through.
func TestShiftFiguresTellTheCut(t *testing.T) {
	w := trio(t, 60, 60, 20)
	w.settle(10)
	w.shifts = []Shift{{From: 0, To: 1, Share: gslb.WholeShare}}
	w.settle(40)
	if got := w.out.Shifts[0].Percent(); got < 42 || got > 54 {
		t.Errorf("%d %% got through, want about half: %+v", got, w.out.Shifts)
	}
}

// An urgent way back is that of relief: 30 % of a class in an epoch instead of 5 %.
func TestUrgentShiftGoesBackFast(t *testing.T) {
	for urgent, most := range map[bool]int{true: 15, false: 40} {
		w := trio(t, 60, 20, 20)
		w.settle(10)
		w.shifts = []Shift{{From: 0, To: 1, Share: 5000}}
		w.settle(40)
		w.shifts = []Shift{{From: 0, To: 1, Urgent: urgent}}
		w.settle(2)
		got := w.out.Shifts[0].Percent()
		if fast := got <= most && got < 30; fast != urgent {
			t.Errorf("urgent %v: after two epochs %d %% are there still", urgent, got)
		}
	}
}

// What is recorded and read again gives the same forecast.
func TestForecastOfARecording(t *testing.T) {
	w := trio(t, 60, 20, 20)
	w.settle(10)
	in := w.next()
	var state State
	var read Input
	if err := json.Unmarshal([]byte(mustJSON(t, w.state)), &state); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(mustJSON(t, in)), &read); err != nil {
		t.Fatal(err)
	}
	s := Shift{From: 0, To: 1, Share: 5000}
	a, _ := Forecast(w.policy, w.state, in, s)
	b, known := Forecast(w.policy, state, read, s)
	if !known || mustJSON(t, a) != mustJSON(t, b) {
		t.Errorf("%+v, then %+v", a, b)
	}
	if splits, known := Settled(w.policy, state, read); !known || len(splits) > 0 {
		t.Errorf("a settled world goes to %v", splits)
	}
}

// Of two moves to one site each is told what it brought there itself.
func TestMovesAreToldApart(t *testing.T) {
	w := trio(t, 40, 20, 50)
	w.settle(10)
	w.shifts = []Shift{{From: 0, To: 1, Share: 1000}, {From: 2, To: 1, Share: 4000}}
	w.settle(40)
	first, second := w.out.Shifts[0].Percent(), w.out.Shifts[1].Percent()
	if first < 9 || first > 11 || second < 38 || second > 42 {
		t.Errorf("%d and %d %% got through: %+v", first, second, w.out.Shifts)
	}
}
