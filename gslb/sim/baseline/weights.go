package baseline

import "tidegate.dev/tidegate/gslb/sim"

// weights are what an operator set once: what the sites could carry on the day they were built.
type weights struct {
	upTo []float64 // cumulative, of a sum of 1
}

func (w *weights) set(v *sim.View) {
	if w.upTo != nil {
		return
	}
	sum := 0.0
	for i := range v.Sites {
		spec := v.Sites[i].Spec
		sum += float64(spec.DeclaredRate().Times(spec.Replicas))
		w.upTo = append(w.upTo, sum)
	}
	for i := range w.upTo {
		w.upTo[i] /= sum
	}
}

// at is the site at a point from 0 up to 1.
func (w *weights) at(point float64) int {
	for site, upTo := range w.upTo {
		if point < upTo {
			return site
		}
	}
	return len(w.upTo) - 1
}
