package geodata_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// update is a table of 100 IPv4 networks of one size and 20 IPv6 networks, and what an update makes of it.
type update struct {
	date time.Time
	v4   int // how many IPv4 networks there are; 0 is 100
	no4  bool
	v6   int // how many IPv6 networks there are; 0 is 20
	no6  bool
	// moved4 and moved6 are how many of each are in another country, line4 how many are on another line.
	moved4, moved6, line4 int
	// east4 are those that move within their country, nowhere4 those that lose their location.
	east4, nowhere4 int
	// eastMicro is how far the moved ones move.
	eastMicro int32
}

var june = time.Date(2026, 6, 5, 0, 0, 0, 0, time.UTC)

func (u update) table(t *testing.T) *geodata.Table {
	t.Helper()
	var b geodata.Builder
	layer := b.Source("test")
	place := func(i, moved int) geodata.Place {
		p := at(int32(i)*100_000, 0) // neighbours differ
		p.Country = "DE"
		if i < moved {
			p.Country = "ZZ"
			p.Location.LonMicro += u.eastMicro
		}
		return p
	}
	if u.v4 == 0 {
		u.v4 = 100
	}
	if u.v6 == 0 {
		u.v6 = 20
	}
	for i := 0; i < u.v4 && !u.no4; i++ {
		p := place(i, u.moved4)
		if i < u.east4 {
			p.Location.LonMicro += u.eastMicro
		}
		if i < u.nowhere4 {
			p.Location, p.HasLocation = gslb.Location{}, false
		}
		if i < u.line4 {
			p.Line = gslb.Line("telecom")
		}
		add(t, layer, network{fmt.Sprintf("%d.%d.0.0/16", 20+i/256, i%256), p})
	}
	for i := 0; i < u.v6 && !u.no6; i++ {
		add(t, layer, network{fmt.Sprintf("2a00:%x::/32", i*16), place(i, u.moved6)})
	}
	table, err := b.Build(geodata.Origin{Source: "test", Date: u.date})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestAccept(t *testing.T) {
	tests := []struct {
		name          string
		current, next update
		want          error
		says          string
	}{
		{"the same", update{date: june}, update{date: june}, nil, ""},
		{"newer", update{date: june}, update{date: june.AddDate(0, 1, 0)}, nil, ""},
		{"older by a second", update{date: june}, update{date: june.Add(-time.Second)}, geodata.ErrOlder, "it is of 2026-06-04 23:59, that in use of 2026-06-05 00:00"},
		{"no date after one", update{date: june}, update{}, nil, ""},
		{"a date after none", update{}, update{date: june}, nil, ""},
		// 100 networks with a hole at each end are 102 rows, 20 with holes between are 41.
		{"a fifth more rows", update{no6: true}, update{v4: 120, no6: true}, nil, ""},
		{"more rows than that", update{no6: true}, update{v4: 121, no6: true}, geodata.ErrRows, "124 after 103 is +20.4 %, the limit is 20 %"},
		{"a fifth fewer rows", update{no6: true}, update{v4: 80, no6: true}, geodata.ErrCountries, "20.0 % of 50000"}, // what went has no country
		{"fewer rows than that", update{no6: true}, update{v4: 79, no6: true}, geodata.ErrRows, "82 after 103 is -20.4 %"},
		{"IPv6 alone has fewer rows", update{no4: true}, update{no4: true, v6: 15}, geodata.ErrRows, "32 after 42 is -23.8 %"},
		{"5 % of the IPv4 space moved", update{no6: true}, update{no6: true, moved4: 5}, nil, ""},
		{"6 % of the IPv4 space moved", update{no6: true}, update{no6: true, moved4: 6}, geodata.ErrCountries, "6.0 % of 50000 addresses, the limit is 5 %"},
		{"one of 20 IPv6 networks moved", update{no4: true}, update{no4: true, moved6: 1}, nil, ""},
		{"two of 20 IPv6 networks moved", update{no4: true}, update{no4: true, moved6: 2}, geodata.ErrCountries, "10.0 % of 20 addresses"},
		{"2 % of the IPv4 space on another line", update{no6: true}, update{line4: 2, no6: true}, nil, ""},
		{"3 % of the IPv4 space on another line", update{no6: true}, update{line4: 3, no6: true}, geodata.ErrLines, "3.0 % of 50000, the limit is 2 %"},
		{"3 % lost their line", update{line4: 50, no6: true}, update{line4: 47, no6: true}, geodata.ErrLines, "3.0 % of 50000"},
		{"an eighth of few lines is lost", update{v4: 800, line4: 8, no6: true}, update{v4: 800, line4: 7, no6: true}, nil, ""},
		{"a quarter of few lines is lost", update{v4: 800, line4: 8, no6: true}, update{v4: 800, line4: 6, no6: true}, geodata.ErrLines, "that had one, the limit is 20 %"},
		{"all of too few lines are lost", update{no6: true, v4: 800, line4: 1}, update{no6: true, v4: 800}, nil, ""},
		{"a fifth moved within its country", update{no6: true}, update{no6: true, east4: 20, eastMicro: 9_000_000}, nil, ""},
		{"more than a fifth", update{no6: true}, update{no6: true, east4: 21, eastMicro: 9_000_000}, geodata.ErrMoved, "21.0 % of 50000, the limit is 20 %"},
		{"more than a fifth has no location now", update{no6: true}, update{no6: true, nowhere4: 21}, geodata.ErrMoved, "21.0 % of 50000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := geodata.Accept(tt.current.table(t), tt.next.table(t))
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Accept = %v, want %v with %q", err, tt.want, tt.says)
			}
		})
	}
}

// A table that knows nothing says nothing about the next one's countries; the rows still count.
func TestAcceptAfterAnEmptyTable(t *testing.T) {
	var b geodata.Builder
	empty := build(t, &b)
	if err := geodata.Accept(empty, update{date: june.AddDate(1, 0, 0)}.table(t)); !errors.Is(err, geodata.ErrRows) {
		t.Errorf("Accept = %v, want ErrRows", err)
	}
	if err := geodata.Accept(empty, empty); err != nil {
		t.Errorf("Accept of the same = %v", err)
	}
}

func TestCompare(t *testing.T) {
	before := update{}.table(t)
	c := geodata.Compare(before, update{moved4: 10, eastMicro: 2_000_000, line4: 20}.table(t))
	if c.Sampled != 50_000 || c.Before.Rows != 143 || c.After.Rows != 143 || c.Before.Places != 100 {
		t.Errorf("%d sampled, %+v and %+v", c.Sampled, c.Before, c.After)
	}
	// Of 50,000 addresses 20 are IPv6.
	for name, got := range map[string]int{"country": c.Country, "moved": c.Moved, "line": c.Line / 2} {
		if got < 4_990 || got > 5_000 {
			t.Errorf("%s: %d of a tenth", name, got)
		}
	}
	if len(c.Examples) != 10 {
		t.Fatalf("%d examples", len(c.Examples))
	}
	for i, e := range c.Examples {
		if !netip.MustParsePrefix("20.0.0.0/11").Contains(e.Addr) || e.Before == e.After || i > 0 && !c.Examples[i-1].Addr.Less(e.Addr) {
			t.Errorf("example %d: %+v", i, e)
		}
	}
	if again := geodata.Compare(before, update{moved4: 10, eastMicro: 2_000_000, line4: 20}.table(t)); !reflect.DeepEqual(again, c) {
		t.Errorf("compared again: %+v, before %+v", again, c)
	}
	if near := geodata.Compare(before, update{moved4: 10, eastMicro: 800_000}.table(t)); near.Moved != 0 {
		t.Errorf("%d moved farther than 100 km by 89 km", near.Moved)
	}
}

// The sample has every address equally likely: of IPv4 by space, and one of every IPv6 network.
func TestCompareSamplesEverything(t *testing.T) {
	var b geodata.Builder
	layer := b.Source("test")
	add(t, layer, network{"20.0.0.0/8", country("AA")}, network{"30.0.0.0/24", country("BB")},
		network{"2600::/8", country("CC")}, network{"2a00::/56", country("DD")}, network{"2b00::/16", country("EE")})
	before := build(t, &b)
	for code, want := range map[string]int{"AA": 49_997, "CC": 1, "DD": 1, "EE": 1} {
		var changed geodata.Builder
		layer := changed.Source("test")
		for where, was := range map[string]string{"20.0.0.0/8": "AA", "30.0.0.0/24": "BB", "2600::/8": "CC", "2a00::/56": "DD", "2b00::/16": "EE"} {
			if was == code {
				was = "XX"
			}
			add(t, layer, network{where, country(was)})
		}
		got := geodata.Compare(before, build(t, &changed)).Country
		if got != want && !(code == "AA" && got == want-1) { // the /24 may be among 49,997 of 65,537
			t.Errorf("%s: %d of the sample changed, want %d", code, got, want)
		}
	}
	if got := geodata.Compare(before, before); got.Country+got.Moved+got.Line != 0 || len(got.Examples) != 0 {
		t.Errorf("compared with itself: %+v", got)
	}
}

// Of a network that is split, the sample has both parts.
func TestCompareLooksInsideNetworks(t *testing.T) {
	for _, tt := range []struct {
		name                     string
		network                  func(i int) (whole, half string)
		sampled, atLeast, atMost int
	}{
		{"IPv4", func(i int) (string, string) { return fmt.Sprintf("20.%d.0.0/16", i), fmt.Sprintf("20.%d.0.0/17", i) }, 50_000, 24_000, 26_000},
		{"IPv6", func(i int) (string, string) {
			return fmt.Sprintf("2a00:%x::/32", 2*i), fmt.Sprintf("2a00:%x::/33", 2*i)
		}, 200, 70, 130},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var whole, split geodata.Builder
			before, after := whole.Source("test"), split.Source("test")
			for i := range 200 {
				all, half := tt.network(i)
				add(t, before, network{all, country("AA")})
				add(t, after, network{all, country("XX")}, network{half, country("AA")})
			}
			c := geodata.Compare(build(t, &whole), build(t, &split))
			if c.Sampled != tt.sampled || c.Country < tt.atLeast || c.Country > tt.atMost {
				t.Errorf("%d of %d changed, want about half of %d", c.Country, c.Sampled, tt.sampled)
			}
		})
	}
}
