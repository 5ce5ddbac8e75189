package loop

import "slices"

// strays finds the load of classes that have no usable candidate. Name servers send them by themselves to all the other sites
// that are up, by capacity. No share says so; it takes of those sites' room whatever the loop does.
func (t *turn) strays() {
	t.stray = make([]float64, len(t.in.Sites))
	for class, c := range t.in.Classes {
		if t.estimate.demand[class] == 0 || slices.ContainsFunc(c.Candidates, t.takes) {
			continue
		}
		weights, whole := t.beyond(c)
		for i, weight := range weights {
			if weight > 0 {
				t.stray[i] += t.estimate.demand[class] * weight / whole
			}
		}
	}
}

func (t *turn) takes(c Candidate) bool { return t.usable[c.Site] }

// beyond is the capacity of the sites that a class gets when it has lost its candidates, and the sum.
func (t *turn) beyond(c Class) (weights []float64, whole float64) {
	weights = make([]float64, len(t.in.Sites))
	for i := range t.in.Sites {
		if s := &t.in.Sites[i]; s.Up && !s.Drained && c.allows(i) && !c.lists(i) {
			weights[i] = float64(s.Capacity)
			whole += weights[i]
		}
	}
	return weights, whole
}

func (c *Class) allows(site int) bool { return c.Allowed == nil || c.Allowed[site] }

func (c *Class) lists(site int) bool {
	return slices.ContainsFunc(c.Candidates, func(k Candidate) bool { return k.Site == site })
}

// astray is the load at each site now of classes that do not list it.
func (t *turn) astray() []float64 {
	load := make([]float64, len(t.in.Sites))
	for i := range t.estimate.rows {
		r := &t.estimate.rows[i]
		for _, c := range r.inEffect {
			if !t.in.Classes[r.class].lists(c.site) {
				load[c.site] += r.perAnswer * c.answers
			}
		}
	}
	return load
}
