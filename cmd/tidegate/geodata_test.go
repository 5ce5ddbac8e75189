package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/geotest"
	"tidegate.dev/tidegate/gslb"
)

// run runs a command line, and returns what it prints on stdout and stderr.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, complaints strings.Builder
	command := root()
	command.SetOut(&out)
	command.SetErr(&complaints)
	command.SetArgs(args)
	err = command.ExecuteContext(t.Context())
	return out.String(), complaints.String(), err
}

// city writes a database of 20 networks in Germany, some of which moved to the US, and of two more places.
func city(t *testing.T, path string, date time.Time, moved int) string {
	t.Helper()
	networks := geotest.Networks{"30.0.0.0/8": "CN", "2a00::/16": "DE"}
	for i := range 20 {
		networks[fmt.Sprintf("20.%d.0.0/16", 2*i)] = "DE"
		if i < moved {
			networks[fmt.Sprintf("20.%d.0.0/16", 2*i)] = "US"
		}
	}
	return geotest.Database(t, path, date, networks)
}

func TestVerify(t *testing.T) {
	folder := t.TempDir()
	database := city(t, filepath.Join(folder, "city.mmdb"), geotest.Date, 0)
	list := filepath.Join(folder, "asn.csv")
	if err := os.WriteFile(list, []byte("20.0.0.0,20.0.255.255,4134,x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _, err := run(t, "geodata", "verify", database, list)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"file    " + database + ": MaxMind DB\n", "file    " + list + ": list of AS numbers (CSV)\n",
		"source  city.mmdb (Test-City), asn.csv\n", "date    2026-06-05 00:00 UTC, ", " days old\n",
		"rows    46\n", "places  3\n", "digest  sha256:",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("prints\n%s\nwithout %q", stdout, want)
		}
	}
	times := filepath.Join(folder, "rtt.yaml")
	if err := os.WriteFile(times, []byte("rtt:\n- {prefix: 20.0.0.0/16, sites: {fra: 9, pek: 180}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, _, err = run(t, "geodata", "verify", database, times); err != nil || !strings.Contains(stdout, "times   to [fra pek]\n") {
		t.Errorf("prints\n%s, %v, without the sites that were measured", stdout, err)
	}
	stdout, _, err = run(t, "geodata", "verify", database, "-o", "json")
	var v verified
	if err != nil || json.Unmarshal([]byte(stdout), &v) != nil || v.Places != 2 || !v.Date.Equal(geotest.Date) || v.Files[0].Kind != "MaxMind DB" {
		t.Errorf("as JSON: %s, %v", stdout, err)
	}
}

func TestLookup(t *testing.T) {
	var b geodata.Builder
	list, base := b.Source("lines.txt"), b.Source("cities")
	add := func(l *geodata.Layer, prefix string, place geodata.Place) {
		if err := l.Add(netip.MustParsePrefix(prefix), place); err != nil {
			t.Fatal(err)
		}
	}
	beijing := geodata.Place{HasLocation: true, Location: gslb.Location{LatMicro: 39_900_000, LonMicro: 116_400_000}, Country: "CN", Region: "CN-BJ"}
	add(list, "30.0.0.0/9", geodata.Place{Line: "telecom"})
	add(base, "30.0.0.0/8", beijing)
	add(base, "20.0.0.0/16", geodata.Place{Country: "DE"})
	add(base, "2a00::/16", beijing)
	table, err := b.Build(geodata.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	path := geotest.Save(t, filepath.Join(t.TempDir(), "city.tidegeo"), table)
	stdout, _, err := run(t, "geodata", "lookup", "20.0.1.2", "30.9.9.9", "::ffff:30.255.9.9", "10.0.0.1", "--file", path)
	want := `ADDRESS            LOCATION       COUNTRY  REGION  LINE     THE SAME FOR  SOURCES
20.0.1.2           -              DE       -       -        20.0.0.0/16   cities
30.9.9.9           39.90, 116.40  CN       CN-BJ   telecom  30.0.0.0/9    cities, lines.txt
::ffff:30.255.9.9  39.90, 116.40  CN       CN-BJ   -        30.128.0.0/9  cities
10.0.0.1           -              -        -       -        0.0.0.0/4     -
`
	if err != nil || stdout != want {
		t.Errorf("prints\n%s%v, want\n%s", stdout, err, want)
	}
	stdout, _, err = run(t, "geodata", "lookup", "2a00::1", "-o", "json", "--file", path)
	var answers []looked
	if err != nil || json.Unmarshal([]byte(stdout), &answers) != nil || len(answers) != 1 || answers[0].Country != "CN" || answers[0].Location == nil {
		t.Errorf("as JSON: %s, %v", stdout, err)
	}
	stdout, _, err = run(t, "geodata", "lookup", "159.226.1.1") // by the embedded table
	if err != nil || !strings.Contains(stdout, "cstnet") {
		t.Errorf("embedded: %s, %v", stdout, err)
	}
}

// Measured times and known resolvers decide answers, so lookup shows them.
func TestLookupOfWords(t *testing.T) {
	folder := t.TempDir()
	database := city(t, filepath.Join(folder, "city.mmdb"), geotest.Date, 0)
	words := filepath.Join(folder, "op.yaml")
	if err := os.WriteFile(words, []byte("resolvers: [{prefix: 20.0.0.8/32, country: CN}]\nrtt: [{prefix: 198.51.100.0/24, sites: {pek: 180, fra: 0}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := []string{"geodata", "lookup", "20.0.0.8", "198.51.100.3", "--file", database, "--file", words}
	stdout, _, err := run(t, arguments...)
	want := `ADDRESS                             LOCATION       COUNTRY  REGION  LINE  THE SAME FOR     SOURCES
20.0.0.8                            50.02, 8.03    DE       -       -     20.0.0.0/16      city.mmdb
  its clients, as a known resolver  40.02, 116.03  CN       -       -     -                op.yaml
198.51.100.3                        -              -        -       -     198.51.100.0/24  op.yaml
measured from 198.51.100.3: fra 0 ms, pek 180 ms
`
	if err != nil || stdout != want {
		t.Errorf("prints\n%s%v, want\n%s", stdout, err, want)
	}
	stdout, _, err = run(t, append(arguments, "-o", "json")...)
	var answers []looked
	if err != nil || json.Unmarshal([]byte(stdout), &answers) != nil || len(answers) != 2 ||
		answers[0].Resolver == nil || answers[0].Resolver.Country != "CN" || len(answers[1].RTT) != 2 || answers[1].RTT[0] != (siteRTT{"fra", 0}) {
		t.Errorf("as JSON: %s, %v", stdout, err)
	}
}

func TestDiff(t *testing.T) {
	folder := t.TempDir()
	july := geotest.Date.AddDate(0, 1, 0)
	june := city(t, filepath.Join(folder, "june.mmdb"), geotest.Date, 0)
	for _, tt := range []struct {
		name  string
		date  time.Time
		moved int
		says  []string
	}{
		{"little", july, 1, []string{"rows                   46 ", "+0.0 %", "networks in june.mmdb  22 ", "of 50000 addresses", "in another country         0.36 %", "would take NEW in place of OLD\n",
			"  DE 50.", "  US 39."}},
		{"older", geotest.Date.AddDate(0, -1, 0), 0, []string{"would refuse NEW in place of OLD: the geo data is older", "2026-05-05 00:00"}},
		{"much", july, 20, []string{"in another country         7.25 %", "moved farther than 100 km  7.25 %", "on another line            0.00 %", "would refuse NEW in place of OLD: too many addresses"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			newer := city(t, filepath.Join(folder, tt.name+".mmdb"), tt.date, tt.moved)
			stdout, _, err := run(t, "geodata", "diff", june, newer)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.says {
				if !strings.Contains(stdout, want) {
					t.Errorf("prints\n%s\nwithout %q", stdout, want)
				}
			}
		})
	}
	if stdout, _, err := run(t, "geodata", "diff", june, june); err != nil || !strings.HasPrefix(stdout, "the same: sha256:") {
		t.Errorf("with itself: %s, %v", stdout, err)
	}
	other := t.TempDir()
	city(t, filepath.Join(other, "june.mmdb"), july, 20)
	stdout, _, err := run(t, "geodata", "diff", june, other, "-o", "json")
	var d difference
	if err != nil || json.Unmarshal([]byte(stdout), &d) != nil || d.Taken || !strings.Contains(d.Refused, "another country") || len(d.Examples) != 10 || d.Sampled < 49_000 {
		t.Errorf("a folder, as JSON: %s, %v", stdout, err)
	}
}

// Whoever shows results of DB-IP's data links to it (CC BY 4.0). The line is for people: stdout stays what it was.
func TestCredit(t *testing.T) {
	var b geodata.Builder
	if err := b.Source("city").Add(netip.MustParsePrefix("20.0.0.0/8"), geodata.Place{Country: "DE"}); err != nil {
		t.Fatal(err)
	}
	table, err := b.Build(geodata.Origin{Source: "city.mmdb (DBIP-City-Lite)", Date: geotest.Date})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	dbip := geotest.Save(t, filepath.Join(folder, "dbip.tidegeo"), table)
	other := city(t, filepath.Join(folder, "city.mmdb"), geotest.Date, 0)
	for _, tt := range []struct {
		args   []string
		credit bool
	}{
		{[]string{"verify", dbip}, true}, {[]string{"verify", other}, false},
		{[]string{"lookup", "20.0.0.1"}, true}, {[]string{"lookup", "20.0.0.1", "--file", dbip, "-o", "json"}, true},
		{[]string{"lookup", "20.0.0.1", "--file", other}, false},
		{[]string{"diff", dbip, other}, true}, {[]string{"diff", other, dbip}, true}, {[]string{"diff", other, other}, false},
	} {
		const line = "IP Geolocation by DB-IP, https://db-ip.com (CC BY 4.0)\n"
		stdout, stderr, err := run(t, append([]string{"geodata"}, tt.args...)...)
		if err != nil || (stderr == line) != tt.credit || strings.Contains(stdout, line) {
			t.Errorf("%q says %q, %v; credit wanted: %v", tt.args, stderr, err, tt.credit)
		}
	}
}

func TestUpdate(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "geo")
	source := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(source)))
	t.Cleanup(server.Close)
	update := func(flags ...string) (string, string, error) {
		return run(t, append([]string{"geodata", "update", "--out", folder, "--url", server.URL + "/city.mmdb"}, flags...)...)
	}
	city(t, filepath.Join(source, "city.mmdb"), geotest.Date, 0)
	stdout, stderr, err := update()
	if err != nil || !strings.HasPrefix(stdout, "updated: data of 2026-06-05") || !strings.HasSuffix(stdout, "geodata "+filepath.Join(folder, "city.mmdb")+"\n") {
		t.Errorf("prints %q, %v", stdout, err)
	}
	if !strings.Contains(stderr, "fetching "+server.URL) {
		t.Errorf("says %q", stderr)
	}
	if stdout, _, err = update(); err != nil || !strings.HasPrefix(stdout, "unchanged: ") {
		t.Errorf("again: prints %q, %v", stdout, err)
	}
	city(t, filepath.Join(source, "city.mmdb"), geotest.Date.AddDate(-1, 0, 0), 0)
	if _, _, err = update(); !errors.Is(err, geodata.ErrOlder) || !strings.Contains(err.Error(), "--force takes it all the same") {
		t.Errorf("older: %v", err)
	}
	stdout, _, err = update("--force", "-o", "json")
	var u updated
	if err != nil || json.Unmarshal([]byte(stdout), &u) != nil || u.Date.Year() != 2025 || u.Unchanged {
		t.Errorf("older, by force: %s, %v", stdout, err)
	}
}

// A wrong command line is told from a failure, and each error says what to do.
func TestGeodataErrors(t *testing.T) {
	for _, tt := range []struct {
		args  string
		usage bool
		says  string
	}{
		{"geodata verify", true, "FILE is missing"},
		{"geodata verify none.mmdb", false, "no such file"},
		{"geodata verify none.tidegeo", false, "no such file"},
		{"geodata verify none.mmdb -o yaml", true, "want table or json"},
		{"geodata lookup", true, "ADDR is missing"},
		{"geodata lookup 84.128.0.0/16", true, `"84.128.0.0/16" is no address such as 84.128.0.1`},
		{"geodata lookup 84.128.0.1 --file none.mmdb", false, "no such file"},
		{"geodata diff one", true, "NEW is missing: tidegate geodata diff OLD NEW"},
		{"geodata diff one two", false, "no such file"},
		{"geodata update", false, `"out" not set`},
		{"geodata update --out x --name y", true, "give that too"},
		{"geodata update --out x --url city.mmdb", false, "begins with https://"},
		{"geodata nonsense", true, "see 'tidegate geodata --help'"},
		{"geodata verify --nonsense", true, "unknown flag"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Chdir(t.TempDir())
			_, _, err := run(t, strings.Fields(tt.args)...)
			if err == nil || errors.Is(err, errUsage) != tt.usage || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q, usage %v", err, tt.says, tt.usage)
			}
		})
	}
}
