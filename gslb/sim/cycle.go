package sim

// What makes a limit cycle: the load of a site swings around its trend by more than swingPart of its mean, to and fro at
// least twice in a window. A step that settles swings once. A loop cannot swing faster than its dead time lets it, so that what
// comes and goes within a TTL, a thirtieth of the window, is no cycle: resolvers do that.
const (
	swingPart    = 0.05
	cycleSwings  = 4 // half-turns
	ttlsInWindow = 30
)

// idleLoad is a load, in parts of the capacity, below which nobody cares for swings.
const idleLoad = 0.1

// cycleDetector looks at the load of every site, window by window.
type cycleDetector struct {
	window          int
	load            [][]float64 // by site
	capacity        []float64
	cycles, windows int64
	swings          int
}

func newCycleDetector(sites, window int) cycleDetector {
	d := cycleDetector{window: window, load: make([][]float64, sites), capacity: make([]float64, sites)}
	for i := range d.load {
		d.load[i] = make([]float64, 0, window)
	}
	return d
}

func (d *cycleDetector) add(sites []SiteSecond) {
	if d.window == 0 {
		return
	}
	for i := range sites {
		d.load[i], d.capacity[i] = append(d.load[i], sites[i].Arrivals), sites[i].Capacity
		if len(d.load[i]) == d.window {
			d.look(i)
			d.load[i] = d.load[i][:0]
		}
	}
}

func (d *cycleDetector) look(site int) {
	d.windows++
	n, mean := swings(smooth(d.load[site], d.window/ttlsInWindow))
	if mean < idleLoad*d.capacity[site] || d.capacity[site] <= 0 {
		return
	}
	d.swings = max(d.swings, n)
	if n >= cycleSwings {
		d.cycles++
	}
}

// smooth is the mean over so many seconds, from the end of the first of them on.
func smooth(series []float64, seconds int) []float64 {
	if seconds < 2 || seconds > len(series) {
		return series
	}
	means, sum := make([]float64, 0, len(series)-seconds+1), 0.0
	for i, v := range series {
		sum += v
		if i >= seconds {
			sum -= series[i-seconds]
		}
		if i >= seconds-1 {
			means = append(means, sum/float64(seconds))
		}
	}
	return means
}

// swings counts how often a series passes from more than swingPart of its mean on one side of its trend to as much on
// the other. The trend is the line of least squares.
func swings(series []float64) (count int, mean float64) {
	middle := float64(len(series)-1) / 2
	var covariance, variance float64
	for i, v := range series {
		x := float64(i) - middle
		mean += v / float64(len(series))
		covariance += x * v
		variance += x * x
	}
	slope := covariance / max(variance, 1)
	side := 0
	for i, v := range series {
		now := 0
		switch off := v - mean - slope*(float64(i)-middle); {
		case off > swingPart*mean:
			now = 1
		case off < -swingPart*mean:
			now = -1
		}
		if now != 0 && side != 0 && now != side {
			count++
		}
		if now != 0 {
			side = now
		}
	}
	return count, mean
}
