package loop

import (
	"slices"

	"tidegate.dev/tidegate/gslb"
)

// maxDrift bounds what is believed of a drift, in parts of the site's capacity.
const maxDrift = 0.5

// follow lets the shares that were served since the last Step take effect, as count does with the answers.
func (t *turn) follow() {
	t.effective, t.follows = make([][]float64, len(t.in.Classes)), make([][]cell, len(t.in.Classes))
	for class, c := range t.in.Classes {
		cells := t.following(class)
		t.follows[class], t.effective[class] = cells, make([]float64, len(c.Candidates))
		for k, candidate := range c.Candidates {
			if at := slices.IndexFunc(cells, func(c cell) bool { return c.site == candidate.Site }); at >= 0 {
				t.effective[class][k] = cells[at].answers
			}
		}
	}
}

// following is where the clients of a class are, in parts of one.
func (t *turn) following(class int) (cells []cell) {
	c := t.in.Classes[class]
	for _, effect := range t.was.Classes[c.Key].Effective {
		if site, known := t.index[effect.Site]; known {
			cells = append(cells, effect.cell(site))
		}
	}
	fresh := len(cells) == 0
	for k, share := range t.before[class] {
		if share > 0 {
			cells = give(cells, c.Candidates[k].Site, float64(share)/float64(gslb.WholeShare))
		}
	}
	for i := range cells {
		as := t.was.termOf(t.policy, t.in.Sites[cells[i].site].ID)
		cells[i].remember(as)
		cells[i].settle(t.policy, t.elapsed, fresh, cells[i].follows(t.policy, t.elapsed, as))
	}
	return cells
}

// drifts compares what arrives at each site with what the shares in effect should bring there. Shares are kept only roughly: a
// class goes by units and resolvers, of which each is at one site whole, and what they carry is estimated. What is left
// after the mean of some dead times is how much more the site gets than is planned for it, and is planned for. That it gets
// less is no promise of room.
func (t *turn) drifts() {
	planned := t.astray()
	for class, row := range t.effective {
		for k, candidate := range t.in.Classes[class].Candidates {
			planned[candidate.Site] += t.estimate.demand[class] * row[k]
		}
	}
	explained := t.estimate.load(len(t.in.Sites)) // where answers are not heard of, nothing can be said
	t.drift = make([]float64, len(t.in.Sites))
	for i := range t.in.Sites {
		site := &t.in.Sites[i]
		drift := t.was.Sites[site.ID].Drift
		if rate, ok := site.rate(t.in.Now); ok && site.Up && explained[i] > rate/2 {
			drift += t.policy.Gain * (rate - planned[i] - drift)
		}
		t.drift[i] = min(max(drift, 0), maxDrift*t.capacity[i].effective())
	}
}
