package sim

import (
	"fmt"
	"time"
)

// demand changes the demand of some clients, each kind of change within bounds that sites can live through in time.
func (d *drawing) demand(of Clients, factor float64, over, back int64) bool {
	if !d.take(fmt.Sprint("demand ", of)) {
		return false
	}
	return d.during(Demand{Of: of, Factor: factor, Over: over}, Demand{Of: of, Factor: 1, Over: back})
}

func (d *drawing) siteDemand() bool {
	of := Clients{Nearest: d.around[d.random.IntN(len(d.around))]}
	return d.demand(of, d.between(0.4, 2), 0, int64(d.random.IntN(120)))
}

func (d *drawing) countryDemand() bool {
	of := Clients{Country: d.countries[d.random.IntN(len(d.countries))]}
	return d.demand(of, d.between(0.5, 1.6), int64(d.random.IntN(60)), int64(d.random.IntN(120)))
}

func (d *drawing) allDemand() bool {
	return d.demand(Clients{}, d.between(0.7, 1.3), int64(d.random.IntN(300)), 120)
}

func (d *drawing) flashCrowd() bool {
	of := Clients{Nearest: d.around[d.random.IntN(len(d.around))]}
	return d.demand(of, d.between(2, 5), 60, 300)
}

func (d *drawing) siteDeath() bool {
	id := d.site().ID
	return d.take(fmt.Sprint("life of ", id)) && d.during(SiteDown{id, true}, SiteDown{id, false})
}

// flappingSite dies and revives in turn.
func (d *drawing) flappingSite() bool {
	id := d.site().ID
	if !d.take(fmt.Sprint("life of ", id)) {
		return false
	}
	for at, down := d.incident.At, true; at < d.incident.Until; down = !down {
		d.add(at, SiteDown{id, down})
		at += 5 + int64(d.random.IntN(60))
	}
	d.add(d.incident.Until, SiteDown{id, false})
	return true
}

// regionKm is how far around a site everything is lost.
const regionKm = 1000

// regionLoss kills the sites around one, at most a third of all.
func (d *drawing) regionLoss() bool {
	centre, most := d.site().Location.Direction(), len(d.world.Sites)/3
	for i := range d.world.Sites {
		s := &d.world.Sites[i]
		if near := centre.DistanceKm(s.Location.Direction()) <= regionKm; near && most > 0 && d.take(fmt.Sprint("life of ", s.ID)) {
			most--
			d.during(SiteDown{s.ID, true}, SiteDown{s.ID, false})
		}
	}
	return len(d.incident.Events) > 0
}

// capacityLoss takes replicas, which come back at the end, once they are warm.
func (d *drawing) capacityLoss() bool {
	s := d.site()
	left := max(1, int(float64(s.Replicas)*d.between(0.2, 0.8)))
	return d.take(fmt.Sprint("replicas of ", s.ID)) && d.during(Replicas{s.ID, left}, Replicas{s.ID, s.Replicas})
}

// slowWarmUp takes most replicas for a moment; new ones take minutes.
func (d *drawing) slowWarmUp() bool {
	s := d.site()
	if !d.take(fmt.Sprint("replicas of ", s.ID)) {
		return false
	}
	warm := d.incident.Until - d.incident.At
	d.add(d.incident.At, WarmUp{s.ID, int(warm)})
	d.add(d.incident.At, Replicas{s.ID, (s.Replicas + 4) / 5})
	d.add(d.incident.At+1, Replicas{s.ID, s.Replicas})
	d.add(d.incident.Until, WarmUp{s.ID, int(s.WarmUp / time.Second)})
	return true
}

func (d *drawing) slowReplicas() bool {
	id := d.site().ID
	return d.take(fmt.Sprint("speed of ", id)) && d.during(Slower{id, d.between(0.4, 0.9)}, Slower{id, 1})
}

// reports breaks those of so many sites, or of as many as are whole.
func (d *drawing) reports(fault Fault, sites int) bool {
	for _, i := range d.random.order(len(d.world.Sites)) {
		id := d.world.Sites[i].ID
		if sites > 0 && d.take(fmt.Sprint("reports of ", id)) {
			sites--
			d.during(Reports{id, fault}, Reports{id, NoFault})
		}
	}
	return len(d.incident.Events) > 0
}

func (d *drawing) hubDown() bool { return d.take("hub") && d.during(HubDown(true), HubDown(false)) }

func (d *drawing) busDown() bool { return d.take("bus") && d.during(BusDown(true), BusDown(false)) }

func (d *drawing) nameServer(state NameServerView) bool {
	n := d.random.IntN(d.world.NameServers)
	return d.take(fmt.Sprint("name server ", n)) && d.during(NameServer{n, state}, NameServer{n, NameServerView{}})
}

func (d *drawing) block(nameServer int, s *SiteSpec) {
	if d.take(fmt.Sprint("probes from ", nameServer, " to ", s.ID)) {
		d.during(Block{nameServer, s.ID, true}, Block{nameServer, s.ID, false})
	}
}

// blockNameServer makes the probes of one name server fail: to one site, or to all, as when its own line is broken.
func (d *drawing) blockNameServer() bool {
	n := d.random.IntN(d.world.NameServers)
	if d.random.IntN(2) == 0 {
		d.block(n, d.site())
		return len(d.incident.Events) > 0
	}
	for i := range d.world.Sites {
		d.block(n, &d.world.Sites[i])
	}
	return len(d.incident.Events) > 0
}

// blockSite makes all probes to one site fail that lives.
func (d *drawing) blockSite() bool {
	s := d.site()
	for n := range d.world.NameServers {
		d.block(n, s)
	}
	return len(d.incident.Events) > 0
}

func (d *drawing) drain() bool {
	id := d.site().ID
	return d.take(fmt.Sprint("drain of ", id)) && d.during(Drain{id, true}, Drain{id, false})
}

func (d *drawing) stretched() bool {
	change := Stretch{Percent: 20 + d.random.IntN(81), Seconds: 60 + int64(d.random.IntN(540))}
	return d.take("TTLs") && d.during(change, Stretch{})
}
