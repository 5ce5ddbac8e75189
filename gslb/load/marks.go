package load

import "time"

// Marks are a policy's watermarks. Below Low a site takes what comes, from there on it sheds, at High it takes nobody new.
type Marks struct{ Low, High Level }

// DefaultMarks are those of a policy that names none.
var DefaultMarks = Marks{Low: 7000, High: 9000}

// hysteresis is how far below Low a site must come to be calm again.
const hysteresis Level = 500

// Calm says whether a level is so far below Low that a site is calm again.
func (m Marks) Calm(level Level) bool { return level < m.Low-hysteresis }

// Tide is where a site stands between its marks, with its memory. The zero Tide is calm.
type Tide struct {
	// Shedding from the moment that the level is above Low until it has been below Low less the hysteresis for the dwell.
	Shedding bool `json:"shedding,omitempty"`
	// Since is when the level was first seen on the other side; zero if it is on its own.
	Since time.Time `json:"since,omitzero"`
}

// Observe takes a level and returns the next state. Shedding begins at once and ends late: a site that is only just calm would
// call back what it has just shed.
func (t Tide) Observe(level Level, m Marks, dwell time.Duration, now time.Time) Tide {
	switch {
	case !t.Shedding:
		return Tide{Shedding: level > m.Low}
	case !m.Calm(level):
		return Tide{Shedding: true}
	case t.Since.IsZero():
		return Tide{Shedding: true, Since: now}
	case now.Sub(t.Since) < dwell:
		return t
	}
	return Tide{}
}
