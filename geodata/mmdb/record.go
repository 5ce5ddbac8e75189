package mmdb

import (
	"math"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/gslb"
)

// record has the fields of every schema that is read; a record of one of them fills in its own.
type record struct {
	// GeoIP2 City and Country.
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
	} `maxminddb:"location"`
	// DB-IP, flat.
	CountryCode string   `maxminddb:"country_code"`
	Latitude    *float64 `maxminddb:"latitude"`
	Longitude   *float64 `maxminddb:"longitude"`
	// ASN and ISP, GeoIP2 and flat.
	ASN lines.ASN `maxminddb:"autonomous_system_number"`
}

// place is what a record says, and whether it says anything that could be used.
func (r *Reader) place(rec record) (geodata.Place, bool) {
	latitude, longitude, country := rec.Location.Latitude, rec.Location.Longitude, rec.Country.ISOCode
	if latitude == nil || longitude == nil {
		latitude, longitude = rec.Latitude, rec.Longitude
	}
	if country == "" {
		country = rec.CountryCode
	}
	place := geodata.Place{Country: country}
	if latitude != nil && longitude != nil {
		place.HasLocation = true
		place.Location = gslb.Location{LatMicro: micro(*latitude), LonMicro: micro(*longitude)}
		if place.Location.Valid() {
			place.Location = r.Grid.Centre(place.Location)
		}
	}
	if rec.ASN != 0 {
		place.Line = r.LineOf(rec.ASN)
	}
	return place, country != "" || place.HasLocation || rec.ASN != 0
}

// micro rounds degrees; what is not on the earth stays so, for Place.Check to refuse.
func micro(degrees float64) int32 {
	if !(math.Abs(degrees) <= 360) {
		return math.MaxInt32
	}
	return int32(math.Round(degrees * 1e6))
}
