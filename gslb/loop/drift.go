package loop

import "tidegate.dev/tidegate/gslb"

// maxDrift bounds what is believed of a drift, in parts of the site's capacity.
const maxDrift = 0.25

// follow lets the shares that were served since the last Step take effect, as count does with the answers.
func (t *turn) follow() {
	stay := t.policy.stay(t.elapsed)
	t.effective = make([][]float64, len(t.in.Classes))
	for class, c := range t.in.Classes {
		was := t.was.Classes[c.Key].Effective
		row := make([]float64, len(c.Candidates))
		for k, candidate := range c.Candidates {
			now := float64(0)
			if t.before[class] != nil {
				now = float64(t.before[class][k]) / float64(gslb.WholeShare)
			}
			row[k] = now
			if was != nil {
				row[k] = was[t.in.Sites[candidate.Site].ID]*stay + now*(1-stay)
			}
		}
		t.effective[class] = row
	}
}

// drifts compares what arrives at each site with what the shares in effect should bring there. Shares are kept only roughly: a
// class goes by units and resolvers, of which each is at one site whole, and what they carry is estimated. What is left
// after the mean of some dead times is how much more the site gets than is planned for it, and is planned for. That it gets
// less is no promise of room.
func (t *turn) drifts() {
	planned := make([]float64, len(t.in.Sites))
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
