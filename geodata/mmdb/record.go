package mmdb

import (
	"math"

	"github.com/oschwald/maxminddb-golang/v2/mmdbdata"

	"tidegate.dev/tidegate/geodata/lines"
)

// record has the fields of every schema that is read; a record of one of them fills in its own.
//
// GeoIP2 City, Country: country.iso_code, subdivisions[0].iso_code, location.latitude, location.longitude. DB-IP, flat:
// country_code, state1, latitude, longitude. ASN and ISP: autonomous_system_number, isp.
type record struct {
	country, subdivision string
	state, isp           string
	latitude, longitude  *float64
	asn                  lines.ASN
}

// UnmarshalMaxMindDBCursor reads what is known and skips the rest: names in eight languages are most of a city record.
func (r *record) UnmarshalMaxMindDBCursor(c mmdbdata.Cursor) (mmdbdata.Cursor, error) {
	return eachField(c, func(key string, value mmdbdata.Cursor) (mmdbdata.Cursor, error) {
		switch key {
		case "country":
			return eachField(value, r.codeInto(&r.country))
		case "subdivisions":
			return firstOf(value, r.codeInto(&r.subdivision))
		case "location":
			return eachField(value, r.coordinate)
		case "country_code":
			return text(value, &r.country)
		case "state1":
			return text(value, &r.state)
		case "isp":
			return text(value, &r.isp)
		case "autonomous_system_number":
			return number(value, &r.asn)
		}
		return r.coordinate(key, value)
	})
}

type fieldReader = func(key string, value mmdbdata.Cursor) (mmdbdata.Cursor, error)

func (r *record) codeInto(code *string) fieldReader {
	return func(key string, value mmdbdata.Cursor) (mmdbdata.Cursor, error) {
		if key == "iso_code" {
			return text(value, code)
		}
		return value.Skip()
	}
}

func (r *record) coordinate(key string, value mmdbdata.Cursor) (next mmdbdata.Cursor, err error) {
	var degrees float64
	switch key {
	case "latitude":
		r.latitude = &degrees
	case "longitude":
		r.longitude = &degrees
	default:
		return value.Skip()
	}
	degrees, next, err = value.ReadFloat()
	return next, err
}

func text(value mmdbdata.Cursor, into *string) (next mmdbdata.Cursor, err error) {
	*into, next, err = value.ReadString()
	return next, err
}

func number(value mmdbdata.Cursor, into *lines.ASN) (mmdbdata.Cursor, error) {
	n, next, err := value.ReadUint()
	if n <= math.MaxUint32 {
		*into = lines.ASN(n)
	}
	return next, err
}

func eachField(c mmdbdata.Cursor, read fieldReader) (mmdbdata.Cursor, error) {
	fields, err := c.Map()
	if err != nil {
		return c, mmdbdata.NormalizeUnmarshalError[record](err)
	}
	var next mmdbdata.Cursor
	for {
		key, value, more := fields.Next(next)
		if !more {
			return fields.End()
		}
		if next, err = read(string(key), value); err != nil {
			return c, mmdbdata.NormalizeUnmarshalError[record](err)
		}
	}
}

// firstOf reads the fields of a list's first element: GeoIP2 names the largest subdivision first.
func firstOf(c mmdbdata.Cursor, read fieldReader) (mmdbdata.Cursor, error) {
	list, err := c.Slice()
	if err != nil {
		return c, mmdbdata.NormalizeUnmarshalError[record](err)
	}
	var next mmdbdata.Cursor
	for {
		i, value, more := list.Next(next)
		if !more {
			return list.End()
		}
		if i == 0 {
			next, err = eachField(value, read)
		} else {
			next, err = value.Skip()
		}
		if err != nil {
			return c, err
		}
	}
}
