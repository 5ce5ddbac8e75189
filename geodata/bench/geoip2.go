package main

import (
	"fmt"
	"net"
	"os"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/oschwald/maxminddb-golang/v2"
)

// writeGeoIP2 makes one database of GeoIP2's schema from DB-IP's two flat ones, so that gdnsd and Tidegate read the same
// file. It keeps the records apart that DB-IP keeps apart.
func writeGeoIP2(path string, sources []string) error {
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "GeoIP2-City", RecordSize: 28, IncludeReservedNetworks: true, DisableIPv4Aliasing: true,
		BuildEpoch: 1, Languages: []string{"en"}, Description: map[string]string{"en": "DB-IP City Lite in GeoIP2's schema"},
	})
	if err != nil {
		return err
	}
	for _, source := range sources {
		if err := insertAll(tree, source); err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
	}
	file, err := os.CreateTemp("", "geoip2-*.mmdb")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := tree.WriteTo(file); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func insertAll(tree *mmdbwriter.Tree, source string) error {
	db, err := maxminddb.Open(source)
	if err != nil {
		return err
	}
	defer db.Close()
	seen := map[uintptr]mmdbtype.Map{}
	for network := range db.Networks() {
		if err := network.Err(); err != nil {
			return err
		}
		value, known := seen[network.Offset()]
		if !known {
			if value, err = geoIP2Record(network); err != nil {
				return err
			}
			seen[network.Offset()] = value
		}
		prefix := network.Prefix()
		ipnet := net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
		if err := tree.Insert(&ipnet, value); err != nil {
			return err
		}
	}
	return nil
}

func geoIP2Record(network maxminddb.Result) (mmdbtype.Map, error) {
	var flat struct {
		Country   string  `maxminddb:"country_code"`
		City      string  `maxminddb:"city"`
		Latitude  float32 `maxminddb:"latitude"`
		Longitude float32 `maxminddb:"longitude"`
	}
	if err := network.Decode(&flat); err != nil {
		return nil, err
	}
	return mmdbtype.Map{
		"city":    mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(flat.City)}},
		"country": mmdbtype.Map{"iso_code": mmdbtype.String(flat.Country)},
		"location": mmdbtype.Map{
			"latitude": mmdbtype.Float64(flat.Latitude), "longitude": mmdbtype.Float64(flat.Longitude),
		},
	}, nil
}
