package geodata

// Located says for each family whether some source of a builder places networks by coordinates. Without any, every client
// of the family is far from nothing and near to nothing.
func (b *Builder) Located() (v4, v6 bool) {
	at := func(ref placeRef) bool { return ref != erase && b.places.list[ref].HasLocation }
	for _, s := range b.sources {
		in4, in6 := s.located(at)
		v4, v6 = v4 || in4, v6 || in6
	}
	return v4, v6
}

func (l *Layer) located(at func(placeRef) bool) (v4, v6 bool) { return l.v4.any(at), l.v6.any(at) }

func (s *Stream) located(at func(placeRef) bool) (v4, v6 bool) {
	return s.said4().any(at), s.said6().any(at)
}

func (s *tableSource) located(at func(placeRef) bool) (v4, v6 bool) {
	return s.v4.any(at), s.v6.any(at)
}

// any says whether some span has a place of a kind.
func (s *spans[K]) any(is func(placeRef) bool) bool {
	for i := range s.list {
		if is(s.list[i].ref) {
			return true
		}
	}
	return false
}

// any says whether some run has a place of a kind.
func (s *said[K]) any(is func(placeRef) bool) bool {
	for i := range s.refs.size {
		if ref := s.refs.at(i); ref != nothing && is(ref) {
			return true
		}
	}
	return false
}
