package sim

import "time"

// ask lets everybody ask whose entry has run out.
func (s *Sim) ask() {
	if s.now == 0 {
		for i := range s.at {
			s.askOne(int32(i))
		}
		return
	}
	for i := s.wheel.take(s.now); i != noMore; {
		next := s.wheel.next[i]
		s.askOne(i)
		i = next
	}
}

func (s *Sim) askOne(i int32) {
	answer := Answer{Site: NoSite}
	asker := &s.config.Population.Askers[i]
	if server, up := s.nameServer(i); up {
		answer = s.steerer.Ask(Question{
			Now: s.now, Asker: int(i), NameServer: server, Client: asker.Client, Direction: asker.Direction,
		})
	}
	if answer.Site != int(s.at[i]) {
		s.move(int(i), answer.Site)
	}
	if answer.Site == NoSite {
		s.unanswered++
		s.wheel.add(i, s.now+1)
		return
	}
	ttl := min(max(int64(answer.TTL/time.Second), s.leastTTL(asker.Resolver)), s.wheel.longest())
	if s.now == 0 {
		ttl = 1 + int64(mix(s.config.Seed+uint64(i))%uint64(ttl)) // of a world under way, entries run out at any time
	}
	s.wheel.add(i, s.now+ttl)
}

// nameServer is the one that an asker asks: always the same, or the next one that is up.
func (s *Sim) nameServer(asker int32) (number int, up bool) {
	servers := s.view.NameServers
	first := int(mix(uint64(asker)) % uint64(len(servers)))
	for i := range servers {
		if n := (first + i) % len(servers); !servers[n].Down {
			return n, true
		}
	}
	return 0, false
}

// move takes the clients of an asker from their site to another one.
func (s *Sim) move(asker, site int) {
	if s.at[asker] != NoSite && site != NoSite {
		s.moved += s.config.Population.Askers[asker].Size
	}
	s.place(asker, int(s.at[asker]), -1)
	s.at[asker] = int32(site)
	s.place(asker, site, +1)
}

// place adds the clients of an asker to the sums of a site, or with a sign of -1 takes them away. The last row is of no
// site.
func (s *Sim) place(asker, site int, sign int64) {
	row, km := site, int64(0)
	if site == NoSite {
		row = len(s.sites)
	}
	first := row * len(s.cells.list)
	for _, m := range s.config.Population.Members(asker) {
		client := &s.config.Population.Clients[m]
		if site != NoSite {
			km = int64(client.Direction.DistanceKm(s.directions[site]))
		}
		at := first + int(s.cells.of[m])
		s.size[at] += sign * client.Size
		s.sizeKm[at] += sign * client.Size * km
	}
}
