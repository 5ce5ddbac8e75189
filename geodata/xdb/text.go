package xdb

import (
	"fmt"
	"strings"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/regions"
)

// region is a text taken apart; what is not known is empty.
type region struct{ country, code, province, isp string }

// placeOf is the place that a text describes.
func (r Reader) placeOf(text string, version int) (geodata.Place, error) {
	parts, err := partsOf(text, version)
	if err != nil {
		return geodata.Place{}, err
	}
	place := geodata.Place{Country: countryOf(parts)}
	if place.Country == "CN" {
		place.Region = regions.Code(parts.province)
	}
	if parts.isp != "" {
		place.Line = r.LineOf(parts.isp)
	}
	return place, nil
}

func partsOf(text string, version int) (region, error) {
	if text == "" {
		return region{}, nil
	}
	parts := strings.Split(text, "|")
	for i, part := range parts {
		if parts[i] = strings.TrimSpace(part); parts[i] == "0" {
			parts[i] = ""
		}
	}
	switch {
	case len(parts) == 4:
		return region{country: parts[0], province: parts[1], isp: parts[3]}, nil
	case len(parts) == 5 && version >= 3 && isCode(parts[4]):
		return region{country: parts[0], province: parts[1], isp: parts[3], code: parts[4]}, nil
	case len(parts) == 5:
		return region{country: parts[0], province: parts[2], isp: parts[4]}, nil
	}
	return region{}, fmt.Errorf("the text %.100q has %d parts: want country|area|province|city|ISP or country|province|city|ISP|code",
		text, len(parts))
}

// isCode says whether a text's last part is a country's code. An ISP of two capital letters reads alike, but texts that
// end in their ISP are those of version 2, which has no codes.
func isCode(s string) bool {
	return len(s) == 2 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// ofTheirOwn are the provinces in ip2region's texts that have a country's code in every other database.
var ofTheirOwn = map[string]string{
	"香港": "HK", "香港特别行政区": "HK", "澳门": "MO", "澳门特别行政区": "MO", "台湾": "TW", "台湾省": "TW",
}

// countryOf is the ISO 3166-1 code of a text's country. Without a code, China's alone is known.
func countryOf(r region) string {
	chinese := r.country == "中国" || r.code == "CN"
	if code := ofTheirOwn[r.province]; code != "" && (chinese || r.country == "") {
		return code
	}
	if code := ofTheirOwn[r.country]; code != "" {
		return code
	}
	if r.code == "" && chinese {
		return "CN"
	}
	return r.code
}
