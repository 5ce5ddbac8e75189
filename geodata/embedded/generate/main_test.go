package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/lines"
	"tidegate.dev/tidegate/gslb"
)

func TestConfirm(t *testing.T) {
	list, err := lines.Parse("1 edu Some University\n2 edu Another University\n")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "asn.csv")
	if err := os.WriteFile(path, []byte("1.0.0.0,1.0.0.255,1,Some University\n1.0.1.0,1.0.1.255,2,\"Sold, Ltd\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	holders := map[lines.ASN]string{}
	if err := readHolders(path, holders); err != nil {
		t.Fatal(err)
	}
	err = confirm(list, holders)
	if want := `AS 2 is "Another University", the database has "Sold, Ltd"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("confirm = %v, want an error with %q", err, want)
	}
	if strings.Contains(err.Error(), "AS 1 ") {
		t.Errorf("confirm = %v, but AS 1 is as the list says", err)
	}
}

func TestOtherSite(t *testing.T) {
	table := func(networks map[string]gslb.Location) *geodata.Table {
		var b geodata.Builder
		layer := b.Source()
		for prefix, l := range networks {
			if err := layer.Add(netip.MustParsePrefix(prefix), geodata.Place{Location: l, HasLocation: true}); err != nil {
				t.Fatal(err)
			}
		}
		built, err := b.Build(geodata.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		return built
	}
	frankfurt, newYork := sites()[0], sites()[50]
	full := table(map[string]gslb.Location{"20.0.0.0/8": frankfurt, "30.0.0.0/8": frankfurt})
	coarse := table(map[string]gslb.Location{"20.0.0.0/8": frankfurt, "30.0.0.0/8": newYork})
	i := 0
	percent, extraKm := otherSite(full, coarse, func() netip.Addr {
		i++
		return netip.AddrFrom4([4]byte{[3]byte{20, 30, 99}[i%3], byte(i), 1, 1}) // 99.0.0.0/8 has no place and does not count
	})
	if percent < 49.9 || percent > 50.1 || extraKm < 6_000 || extraKm > 6_500 {
		t.Errorf("otherSite = %v %%, %v km; want half, and the width of the Atlantic", percent, extraKm)
	}
}
