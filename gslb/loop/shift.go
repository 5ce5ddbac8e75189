package loop

import (
	"fmt"
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// Shift is an operator's move of a part of what a site gets to another site.
type Shift struct {
	// From and To are indices into Input.Sites.
	From, To int
	// Share is the part of each class' share at From that is to be at To.
	Share gslb.Share
	// Urgent says that who is at To and is to be at From again goes there at the pace of a site that needs relief.
	Urgent bool
}

// ShiftFigures is how far an operator's move has got.
type ShiftFigures struct {
	From, To gslb.SiteID
	// Of is what From would get without moves, Moved what of that the shares bring to To instead in the end.
	Of, Moved gslb.MilliRPS
}

// Percent is what part of what the source would get is moved.
func (f ShiftFigures) Percent() int {
	if f.Of <= 0 {
		return 0
	}
	return int((int64(f.Moved)*100 + int64(f.Of)/2) / int64(f.Of))
}

// through is how far the moves got: of each class what is missing at the source, as far as it is too much at the destination.
func (t *turn) through() (list []ShiftFigures) {
	for _, s := range t.in.Shifts {
		of, moved := 0.0, 0.0
		for class, shares := range t.after {
			from, to := t.candidates(class, s)
			if shares == nil || t.unshifted[class] == nil || from < 0 {
				continue
			}
			demand, without := t.estimate.demand[class]/float64(gslb.WholeShare), t.unshifted[class]
			of += demand * float64(without[from])
			if to >= 0 {
				moved += demand * float64(max(min(without[from]-shares[from], shares[to]-without[to]), 0))
			}
		}
		list = append(list, ShiftFigures{From: t.in.Sites[s.From].ID, To: t.in.Sites[s.To].ID, Of: gslb.MilliRPS(of), Moved: gslb.MilliRPS(moved)})
	}
	return list
}

// hurries says whether a class is to leave a site because a move there has to be undone at once.
func (t *turn) hurries(class, site int, target []gslb.Share) bool {
	for _, s := range t.in.Shifts {
		if !s.Urgent || s.To != site {
			continue
		}
		if from, _ := t.candidates(class, s); from >= 0 && target[from] > t.before[class][from] {
			return true
		}
	}
	return false
}

// recallUnshifted finds the shares that the solver is to change as little as it can: those without operators' moves. If the
// moved clients counted as being where they are, they would stay there for good wherever that is about as near, and the
// next Step would move a part of the others.
func (t *turn) recallUnshifted() {
	t.unshifted = slices.Clone(t.before)
	for i, c := range t.in.Classes {
		if shares := t.partOf(c, t.was.Classes[c.Key].Unshifted, t.usable); shares != nil {
			t.unshifted[i] = shares
		}
	}
}

// shifted says whether a class is, or still may be, elsewhere than it would be without operators' moves.
func (t *turn) shifted(class int) bool {
	if len(t.in.Shifts) > 0 {
		return true
	}
	return t.was.Classes[t.in.Classes[class].Key].Unshifted != nil && !slices.Equal(t.after[class], t.unshifted[class])
}

func cloneAll(shares [][]gslb.Share) [][]gslb.Share {
	out := make([][]gslb.Share, len(shares))
	for i := range shares {
		out[i] = slices.Clone(shares[i])
	}
	return out
}

// shift carries the operator's moves out on a target, one after the other, each only as far as its destination has room below
// its high mark.
func (t *turn) shift(target [][]gslb.Share) {
	for _, s := range t.in.Shifts {
		if s.From == s.To || !t.usable[s.To] || s.Share <= 0 {
			continue
		}
		moved, share := t.movable(target, s), s.Share
		if moved == 0 {
			continue
		}
		if room := max(t.high(s.To)-t.load(target)[s.To], 0); moved > room {
			share = gslb.Share(float64(share) * room / moved)
			t.out.Notes = append(t.out.Notes, fmt.Sprintf("%d.%02d %% of %d.%02d %% go from %s to %s: there is no more room below the high mark",
				share/100, share%100, s.Share/100, s.Share%100, t.in.Sites[s.From].ID, t.in.Sites[s.To].ID))
		}
		for class := range target {
			t.move(class, target[class], s, share)
		}
	}
}

// movable is the load that a shift would move.
func (t *turn) movable(target [][]gslb.Share, s Shift) (load float64) {
	for class, shares := range target {
		from, to := t.candidates(class, s)
		if shares != nil && from >= 0 && to >= 0 {
			load += t.estimate.demand[class] * float64(shares[from]) / float64(gslb.WholeShare) * float64(s.Share) / float64(gslb.WholeShare)
		}
	}
	return load
}

func (t *turn) move(class int, shares []gslb.Share, s Shift, share gslb.Share) {
	from, to := t.candidates(class, s)
	if shares == nil || from < 0 || to < 0 {
		return
	}
	part := shares[from] * share / gslb.WholeShare
	shares[from], shares[to] = shares[from]-part, shares[to]+part
}

// candidates are the positions of a shift's sites among a class' candidates, -1 for none.
func (t *turn) candidates(class int, s Shift) (from, to int) {
	from, to = -1, -1
	for k, candidate := range t.in.Classes[class].Candidates {
		switch candidate.Site {
		case s.From:
			from = k
		case s.To:
			to = k
		}
	}
	return from, to
}
