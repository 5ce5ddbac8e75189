package plan

import (
	"fmt"
	"slices"
	"strings"

	"tidegate.dev/tidegate/geodata/regions"
)

// Region is where clients are: a subdivision by its ISO 3166-2 code (CN-GD), an area of subdivisions (CN-south, see
// geodata/regions), or a country by its ISO 3166-1 code (CN). NoRegion is everywhere.
type Region string

// NoRegion is the region of an address that is meant for clients everywhere.
const NoRegion Region = ""

// extent is how large a region is.
type extent int

// The extents, from the whole world down; extents is their number.
const (
	everywhere extent = iota
	country
	area
	subdivision
	extents
)

// areas are those that geodata/regions puts provinces into; a test compares.
var areas = []Region{"CN-central", "CN-east", "CN-north", "CN-northeast", "CN-northwest", "CN-south", "CN-southwest"}

// extent says what kind of region a valid one is.
func (r Region) extent() extent {
	switch {
	case r == NoRegion:
		return everywhere
	case len(r) == 2:
		return country
	case r[3] >= 'a':
		return area
	}
	return subdivision
}

// check says why no client can be in a region.
func (r Region) check() error {
	land, part, divided := strings.Cut(string(r), "-")
	known := len(land) == 2 && only(land, capitals)
	if divided {
		known = known && (slices.Contains(areas, r) || len(part) >= 1 && len(part) <= 3 && only(part, capitals+digits))
	}
	if !known {
		return fmt.Errorf("region %q: want a subdivision such as CN-GD, a country such as CN, or an area: %s", r, joined(areas))
	}
	if land == "CN" && r.extent() == subdivision && regions.Area(string(r)) == "" && !slices.Contains(beside, r) {
		return fmt.Errorf("region %q: China has no such subdivision: want an ISO 3166-2 code such as CN-GD", r)
	}
	return nil
}

// beside are the subdivisions that ISO 3166-2 gives China and that databases list as countries, so that they are in none
// of the areas. An operator's own networks may still be there.
var beside = []Region{"CN-HK", "CN-MO", "CN-TW"}

const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits   = "0123456789"
)

func only(s, characters string) bool { return strings.Trim(s, characters) == "" }

// joined is a list for people.
func joined[T ~string](list []T) string {
	var b strings.Builder
	for i, s := range list {
		switch {
		case i > 0 && i == len(list)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(s))
	}
	return b.String()
}
