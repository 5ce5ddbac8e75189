package plan

import (
	"math"
	"slices"
	"strings"
)

// TagSet is the tags of a set of addresses that clients can match, and the order in which they do. With a nil TagSet every
// client gets all addresses. It never changes.
type TagSet struct {
	tags  []Tag   // sorted, each once; the zero Tag is first, if there is one
	order []Level // those at which one of the tags matches
}

// TagID is the index of a tag in its set.
type TagID uint16

// NoTag is the ID of a tag that is not in the set: no client is told apart by it.
const NoTag TagID = math.MaxUint16

// Every address of a service may have a tag of its own.
const _ = uint(NoTag - MaxEndpointsPerName*MaxAddresses)

// NewTagSet is the set of the tags that addresses have, in a precedence; nil if they all have one, or none that a client
// can match.
func NewTagSet(tags []Tag, precedence Precedence) *TagSet {
	tags = slices.Clone(tags)
	slices.SortFunc(tags, Tag.compare)
	if tags = slices.Compact(tags); len(tags) < 2 {
		return nil
	}
	order := precedence.Order()
	tags = slices.DeleteFunc(tags, func(t Tag) bool { return !slices.Contains(order, t.Level()) })
	if len(tags) == 0 {
		return nil
	}
	s := &TagSet{tags: slices.Clip(tags)}
	for _, level := range order {
		if slices.ContainsFunc(s.tags, func(t Tag) bool { return t.Level() == level }) {
			s.order = append(s.order, level)
		}
	}
	return s
}

// ID finds a tag.
func (s *TagSet) ID(tag Tag) TagID {
	if s == nil {
		return NoTag
	}
	at, found := slices.BinarySearchFunc(s.tags, tag, Tag.compare)
	if !found {
		return NoTag
	}
	return TagID(at)
}

// Tag is the tag of an ID of the set.
func (s *TagSet) Tag(id TagID) Tag { return s.tags[id] }

// match appends the tags that match an audience to list, in their order.
func (s *TagSet) match(list []TagID, a audience) []TagID {
	if s == nil {
		return list
	}
	for _, level := range s.order {
		tag, ok := a.at(level)
		if !ok {
			continue
		}
		if id := s.ID(tag); id != NoTag {
			list = append(list, id)
		}
	}
	return list
}

// key is equal for sets that tell the same clients apart in the same order.
func (s *TagSet) key() string {
	if s == nil {
		return ""
	}
	var b strings.Builder
	for _, l := range s.order {
		b.WriteString(string(l) + "\x00")
	}
	for _, t := range s.tags {
		b.WriteString("\x00" + string(t.Line) + "\x00" + string(t.Region))
	}
	return b.String()
}
