package hub

import (
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb/loop"
	"tidegate.dev/tidegate/gslb/shift"
)

// TestShiftWithoutRoom: a destination that its shares fill gets no further step, though it is not full yet.
func TestShiftWithoutRoom(t *testing.T) {
	w := begun(t)
	out := w.steer.outputs[chatName]
	for i := range out.Sites {
		if f := &out.Sites[i]; f.ID == "iad" {
			f.Counted, f.Correction, f.After = 100_000, 1, 89_000
		}
	}
	w.epoch(40, 0)
	w.stands(shift.Holding, 25, "iad gets 89 requests/s, and has room for 90 below its high mark")
}

// TestShiftOverfills: a shift whose whole would push its destination over its high mark does not begin, and says what would.
func TestShiftOverfills(t *testing.T) {
	f := loop.ShiftForecast{Moved: 40_000, All: 100_000, RTTChange: 80 * time.Millisecond,
		From: loop.SiteForecast{ID: "fra", Before: 80_000, After: 40_000, Capacity: 100_000, High: 90_000},
		To:   loop.SiteForecast{ID: "iad", Before: 60_000, After: 100_000, Capacity: 100_000, High: 90_000}}
	if why := overfills(&f, 50); why.Cause != causeOverfills || why.Text != "50 % would bring iad to 100 requests/s, and its high mark is at 90: set percent to 37 or less, or give it more capacity" {
		t.Errorf("%+v", why)
	}
	if got := forecastOf(&f).String(); got != "the source goes from 80 % to 40 % full, the destination from 60 % to 100 %; 40 % of the users move, with a round trip +80 ms longer" {
		t.Error(got)
	}
	f.To.Capacity, f.To.High = 200_000, 180_000
	if why := overfills(&f, 50); why != (shift.Reason{}) {
		t.Errorf("with room: %+v", why)
	}
	w := begun(t)
	if s := w.shift().Status; s.Forecast == nil || s.Forecast.FromPercentAfter >= s.Forecast.FromPercentBefore {
		t.Errorf("forecast %+v", s.Forecast)
	}
	for range 20 {
		w.epoch(40, 0)
	}
	if got := w.shift().Status.Moved; got < 45 || got > 55 {
		t.Errorf("%d %% got through, want about half", got)
	}
}
