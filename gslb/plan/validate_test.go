package plan

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
)

func TestValidateGood(t *testing.T) {
	for name, m := range map[string]*Map{
		"small": world(), "split": splitWorld(splitGeo(t)), "many": many(50, 5), "policies": policies(), "only a zone": {Zones: world().Zones},
	} {
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateBad(t *testing.T) {
	service := func(m *Map) *Service { return &m.Services[0] }
	endpoint := func(m *Map) *Endpoint { return &m.Services[0].Endpoints[0] }
	split := func(change func(*Map, []Split)) func(*Map) {
		return func(m *Map) {
			m.Services[0].Splits = []Split{
				{"00000000000000aa", []SiteShare{{"fra", 4000}, {"pek", 6000}}}, {"00000000000000bb", []SiteShare{{"fra", 10_000}}},
			}
			change(m, m.Services[0].Splits)
		}
	}
	heavy := func(list ...string) func(*Map) {
		return func(m *Map) {
			for _, addr := range list {
				m.HeavyResolvers = append(m.HeavyResolvers, netip.MustParseAddr(addr))
			}
		}
	}
	fallback := func(policy OnAllUnhealthy, list ...string) func(*Map) {
		return func(m *Map) {
			service(m).Steering.OnAllUnhealthy = policy
			for _, addr := range list {
				service(m).Steering.Fallback = append(service(m).Steering.Fallback, netip.MustParseAddr(addr))
			}
		}
	}
	both := func(changes ...func(*Map)) func(*Map) {
		return func(m *Map) {
			for _, change := range changes {
				change(m)
			}
		}
	}
	record := func(text string) func(*Map) { return func(m *Map) { m.Zones[0].Records = []string{text} } }
	for name, c := range map[string]struct {
		change func(*Map)
		want   string
	}{
		"no zone":                 {func(m *Map) { *m = Map{} }, "zones: no zone"},
		"too many sites":          {func(m *Map) { m.Sites = make([]Site, MaxSites+1) }, "sites: 1001 sites, the limit is 1000"},
		"latitude":                {func(m *Map) { m.Sites[0].Location.LatMicro = 90_000_001 }, "sites[0].location: latitude"},
		"site without a name":     {func(m *Map) { m.Sites[0].ID = "" }, "sites[0].name: not a host name"},
		"site twice":              {func(m *Map) { m.Sites[1].ID = "fra" }, `sites[1].name: site "fra" is listed twice`},
		"line":                    {func(m *Map) { m.Sites[0].Lines[0] = "China Telecom" }, "sites[0].lines[0]: line"},
		"zone twice":              {func(m *Map) { m.Zones = append(m.Zones, m.Zones[0]) }, "zones[1].name: zone edge.example. is listed twice"},
		"name server in capitals": {func(m *Map) { m.Zones[0].Nameservers[0] = "NS1.edge.example." }, `must be written "ns1.edge.example."`},
		"name without a dot":      {func(m *Map) { service(m).Name = "chat.edge.example" }, `must be written "chat.edge.example."`},
		"name outside":            {func(m *Map) { service(m).Name = "chat.example.net." }, "chat.example.net. is in none of the zones"},
		"alias outside":           {func(m *Map) { service(m).Aliases[0] = "chat.example.net." }, "services[0].aliases[0]: chat.example.net. is in none"},
		"alias is the name":       {func(m *Map) { service(m).Aliases[0] = service(m).Name }, "is also the name of services[0].name"},
		"TTL zero":                {func(m *Map) { service(m).TTL = 0 }, "services[0].ttl: 0s"},
		"TTL too long":            {func(m *Map) { service(m).TTL = MaxTTL + time.Second }, "services[0].ttl: 24h0m1s"},
		"TTL not whole":           {func(m *Map) { service(m).TTL = 1500 * time.Millisecond }, "services[0].ttl: 1.5s"},
		"method":                  {func(m *Map) { service(m).Steering.Method = "random" }, "services[0].steering.method"},
		"all unhealthy":           {func(m *Map) { service(m).Steering.OnAllUnhealthy = "" }, "services[0].steering.onAllUnhealthy"},
		"policy of nobody":        {func(m *Map) { service(m).Steering.OnAllUnhealthy = "none" }, `"none", want all, last-good, fallback or servfail`},
		"fallback of none":        {func(m *Map) { service(m).Steering.OnAllUnhealthy = AnswerFallback }, "steering.fallback: 0 addresses, want 1 to 8"},
		"fallback for nothing":    {fallback(AnswerLastGood, "192.0.2.9"), "steering.fallback: it never answers, since onAllUnhealthy is last-good"},
		"fallback of nine": {fallback(AnswerFallback, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9"),
			"steering.fallback: 9 addresses, want 1 to 8"},
		"fallback twice":          {fallback(AnswerFallback, "192.0.2.1", "192.0.2.1"), "steering.fallback[1]: 192.0.2.1 is listed twice"},
		"fallback to nowhere":     {fallback(AnswerFallback, "192.0.2.1", "0.0.0.0"), "steering.fallback[1]: 0.0.0.0 cannot be served"},
		"fallback is no endpoint": {both(fallback(AnswerFallback, "192.0.2.1"), func(m *Map) { service(m).Endpoints = nil }), "services[0].endpoints: 0 endpoints"},
		"too many sites at least": {func(m *Map) { service(m).Steering.MinSites = 9 }, "steering.minSites: out of range: want 1 to 8 sites"},
		"sites at least, below 0": {func(m *Map) { service(m).Steering.MinSites = -1 }, "steering.minSites"},
		"no loop to spread": {func(m *Map) { service(m).Steering.Method, service(m).Steering.MinSites = Weighted, 2 },
			"steering.minSites: it needs method proximity: with weighted no control loop runs"},
		"no loop to slow":      {func(m *Map) { service(m).Steering.Method, service(m).Steering.GainMicro = Failover, 1 }, "steering.gain: it needs method proximity"},
		"gain above 1":         {func(m *Map) { service(m).Steering.GainMicro = WholeGain + 1 }, "steering.gain: out of range"},
		"gain below 0":         {func(m *Map) { service(m).Steering.GainMicro = -1 }, "steering.gain: out of range"},
		"connections too long": {func(m *Map) { service(m).Steering.ConnectionLife = 2 * time.Hour }, "steering.connectionLife: out of range: want 1s to 1h0m0s"},
		"calm TTL too long":    {func(m *Map) { service(m).Steering.CalmTTL = MaxCalmTTL + time.Second }, "steering.calmTTL: out of range: want whole seconds from 1s to 1h0m0s"},
		"calm TTL not whole":   {func(m *Map) { service(m).Steering.CalmTTL = 61500 * time.Millisecond }, "steering.calmTTL: out of range: want whole seconds"},
		"calm TTL below 0":     {func(m *Map) { service(m).Steering.CalmTTL = -time.Minute }, "steering.calmTTL: out of range"},
		"calm TTL too short":   {func(m *Map) { service(m).Steering.CalmTTL = service(m).TTL - time.Second }, "steering.calmTTL: 29s is less than the service's TTL of 30s"},
		"no loop to be calm": {func(m *Map) { service(m).Steering.Method, service(m).Steering.CalmTTL = Weighted, time.Minute },
			"steering.calmTTL: it needs method proximity: with weighted no control loop runs"},
		"only a low mark":    {func(m *Map) { service(m).Steering.Watermarks.HighPercent = 0 }, "services[0].steering.watermarks"},
		"mark above 100":     {func(m *Map) { service(m).Steering.Watermarks.HighPercent = 101 }, "services[0].steering.watermarks"},
		"probe type":         {func(m *Map) { service(m).Health.Type = "icmp" }, "services[0].health.type"},
		"probe path injects": {func(m *Map) { service(m).Health.Path = "/ HTTP/1.1\r\nX: y" }, "services[0].health.path"},
		"probe path of tcp":  {func(m *Map) { service(m).Health.Type = ProbeTCP }, "only an http or https probe has a path"},
		"probe match of grpc": {func(m *Map) {
			*service(m).Health = Health{Type: ProbeGRPC, Match: "ok", Port: 1, Interval: time.Second}
		}, "services[0].health.path"},
		"probe match too long":    {func(m *Map) { service(m).Health.Match = strings.Repeat("x", 256) }, "services[0].health.match"},
		"probe port":              {func(m *Map) { service(m).Health.Port = 0 }, "services[0].health.port"},
		"probe interval":          {func(m *Map) { service(m).Health.Interval = 0 }, "services[0].health.interval"},
		"no endpoint":             {func(m *Map) { service(m).Endpoints = nil }, "services[0].endpoints: 0 endpoints"},
		"unknown site":            {func(m *Map) { endpoint(m).Site = "par" }, `no site is called "par"`},
		"site twice in a service": {func(m *Map) { endpoint(m).Site = "pek" }, `site "pek" has two endpoints`},
		"negative capacity":       {func(m *Map) { endpoint(m).Capacity = -1500 }, "endpoints[0].capacity: -1.5 requests/s, want 0 to 1000000000"},
		"capacity too large":      {func(m *Map) { endpoint(m).Capacity = gslb.MaxRate + 1 }, "endpoints[0].capacity"},
		"no address":              {func(m *Map) { endpoint(m).Addresses = nil }, "endpoints[0].addresses: 0 addresses"},
		"zero address":            {func(m *Map) { endpoint(m).Addresses[0].Addr = netip.Addr{} }, "cannot be served"},
		"unspecified address":     {func(m *Map) { endpoint(m).Addresses[0].Addr = netip.IPv6Unspecified() }, "cannot be served"},
		"multicast address":       {func(m *Map) { endpoint(m).Addresses[0].Addr = netip.MustParseAddr("ff02::1") }, "cannot be served"},
		"mapped address":          {func(m *Map) { endpoint(m).Addresses[0].Addr = netip.MustParseAddr("::ffff:192.0.2.1") }, "cannot be served"},
		"address with a zone":     {func(m *Map) { endpoint(m).Addresses[0].Addr = netip.MustParseAddr("fe80::1%eth0") }, "cannot be served"},
		"address line":            {func(m *Map) { endpoint(m).Addresses[0].Line = "Telecom" }, "endpoints[0].addresses[0].line"},
		"address region":          {func(m *Map) { endpoint(m).Addresses[0].Region = "Bavaria" }, `endpoints[0].addresses[0].region: region "Bavaria": want`},
		"unknown preset":          {func(m *Map) { service(m).Steering.Precedence.Preset = "bind" }, `steering.precedence: "bind", want alibaba`},
		"unknown level":           {func(m *Map) { service(m).Steering.Precedence.Levels = []Level{"city"} }, `steering.precedence[0]: "city", want line-region`},
		"level twice":             {func(m *Map) { service(m).Steering.Precedence.Levels = []Level{AtLine, AtLine} }, "steering.precedence[1]: line is listed twice"},
		"preset and levels":       {func(m *Map) { service(m).Steering.Precedence = Precedence{"dnspod", []Level{AtLine}} }, "give either a preset or levels"},
		"record that is none":     {record("www"), "zones[0].records[0]"},
		"empty record":            {record(""), "nothing in it"},
		"record outside":          {record("www.example.net. 60 IN A 192.0.2.1"), "www.example.net. is outside of zone edge.example."},
		"record of another class": {record("www.edge.example. 60 CH TXT \"x\""), "class CH, want IN"},
		"SOA below the apex":      {record("sub.edge.example. 60 IN SOA a. b. 1 2 3 4 5"), "only the zone edge.example. itself has an SOA"},
		"NSEC3":                   {record("x.edge.example. 60 IN NSEC3PARAM 1 0 0 -"), "signed elsewhere"},
		"file of this machine":    {record("$INCLUDE /etc/hostname"), "want one record in one line"},
		"generated records":       {record("$GENERATE 1-9 h$ 60 IN A 192.0.2.$"), "want one record in one line"},
		"two records in one":      {record("a.edge.example. 60 IN A 192.0.2.1\nb.edge.example. 60 IN A 192.0.2.2"), "want one record in one line"},
		"static address of it":    {record("Chat.edge.example. 60 IN A 192.0.2.1"), "chat.edge.example. has a static A record"},
		"class of a split":        {split(func(_ *Map, s []Split) { s[0].Class = "AA" }), `services[0].splits[0].class: "AA", want 16 hexadecimal digits`},
		"class in capitals":       {split(func(_ *Map, s []Split) { s[1].Class = "00000000000000BB" }), "splits[1].class"},
		"two splits of a class":   {split(func(_ *Map, s []Split) { s[1].Class = s[0].Class }), "splits[1].class: 00000000000000aa comes twice"},
		"splits not in order":     {split(func(_ *Map, s []Split) { s[0], s[1] = s[1], s[0] }), "splits[1].class: 00000000000000aa comes twice, or not in order"},
		"too many splits":         {split(func(m *Map, _ []Split) { m.Services[0].Splits = make([]Split, MaxDemandClasses+1) }), "2001 splits, the limit is 2000"},
		"share of no site":        {split(func(_ *Map, s []Split) { s[0].Shares[1].Site = "sin" }), `splits[0].shares[1].site: no site is called "sin"`},
		"two shares of a site":    {split(func(_ *Map, s []Split) { s[0].Shares[1].Site = "fra" }), `splits[0].shares[1].site: site "fra" comes twice`},
		"shares not in order":     {split(func(_ *Map, s []Split) { s[0].Shares[0].Site, s[0].Shares[1].Site = "pek", "fra" }), "splits[0].shares[1].site"},
		"a share of nothing":      {split(func(_ *Map, s []Split) { s[0].Shares[0].Share, s[0].Shares[1].Share = 0, 10_000 }), "splits[0].shares[0].share: 0, want 1 to 10000"},
		"a share of less":         {split(func(_ *Map, s []Split) { s[0].Shares[0].Share, s[0].Shares[1].Share = -1, 10_001 }), "splits[0].shares[0].share"},
		"shares of less than all": {split(func(_ *Map, s []Split) { s[1].Shares[0].Share-- }), "splits[1].shares: they sum to 9999, want 10000"},
		"no shares":               {split(func(_ *Map, s []Split) { s[1].Shares = nil }), "splits[1].shares: they sum to 0"},
		"resolver mapped":         {heavy("::ffff:192.0.2.1"), "heavyResolvers[0]: ::ffff:192.0.2.1 is no resolver's address"},
		"resolver twice":          {heavy("192.0.2.1", "192.0.2.1"), "heavyResolvers[1]: 192.0.2.1 comes twice"},
		"resolvers not in order":  {heavy("192.0.2.2", "192.0.2.1"), "heavyResolvers[1]"},
		"too many resolvers":      {func(m *Map) { m.HeavyResolvers = make([]netip.Addr, MaxHeavyResolvers+1) }, "10001 resolvers, the limit is 10000"},
		"static CNAME of it":      {record("chat.edge.example. 60 IN CNAME www"), "chat.edge.example. has a static CNAME record"},
	} {
		t.Run(name, func(t *testing.T) {
			m := world()
			c.change(m)
			err := m.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
			if _, err := Decode(mustEncode(t, m)); err == nil {
				t.Error("Decode takes it")
			}
		})
	}
}

func TestValidateNamesEveryProblem(t *testing.T) {
	m := world()
	m.Services[0].TTL, m.Services[0].Health.Port, m.Sites[0].ID = 0, 0, "FRA"
	var paths []string
	for _, p := range Problems(m.Validate()) {
		paths = append(paths, p.Path)
	}
	want := "sites[0].name services[0].ttl services[0].health.port services[0].endpoints[0].site"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A policy by itself is held against the same rules, under the path that its reader knows.
func TestValidateSteering(t *testing.T) {
	for _, s := range policies().Services {
		if err := s.Steering.Validate("spec"); err != nil {
			t.Error(err)
		}
	}
	wrong := Steering{Method: "random", OnAllUnhealthy: AnswerAll, MinSites: 9}
	var paths []string
	for _, p := range Problems(wrong.Validate("spec")) {
		paths = append(paths, p.Path)
	}
	if got := strings.Join(paths, " "); got != "spec.method spec.minSites" {
		t.Errorf("problems at %s", got)
	}
}

func TestParseCalmTTL(t *testing.T) {
	for text, want := range map[string]time.Duration{"60s": time.Minute, "1h": time.Hour, "1m30s": 90 * time.Second, "1s": time.Second} {
		if got, err := ParseCalmTTL(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0s", "", "1500ms", "61m", "60", "-60s", "9999999h9999999h"} {
		if got, err := ParseCalmTTL(text); err == nil || !strings.Contains(err.Error(), "such as 60s") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestParseGainAndConnectionLife(t *testing.T) {
	for text, want := range map[string]int64{"0.05": 50_000, "1": WholeGain, "0.000001": 1, "0.50": 500_000} {
		if got, err := ParseGain(text); got != want || err != nil {
			t.Errorf("gain %s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "", "-0.1", "1.1", "0.0000001", "a tenth", "5%"} {
		if got, err := ParseGain(text); err == nil || !strings.Contains(err.Error(), "such as 0.05") {
			t.Errorf("gain %q: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]time.Duration{"15s": 15 * time.Second, "1h": time.Hour, "1m30s": 90 * time.Second} {
		if got, err := ParseConnectionLife(text); got != want || err != nil {
			t.Errorf("connections of %s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0s", "", "999ms", "61m", "15", "-3s", "9999999h9999999h"} {
		if got, err := ParseConnectionLife(text); err == nil || !strings.Contains(err.Error(), "such as 15s") {
			t.Errorf("connections of %q: %v, %v", text, got, err)
		}
	}
}

// A list with one preset is the preset; an empty list is no list of levels that was left out.
func TestPrecedenceOf(t *testing.T) {
	for _, c := range []struct {
		list []string
		want Precedence
	}{
		{nil, Precedence{}}, {[]string{"dnspod"}, Precedence{Preset: "dnspod"}}, {[]string{"line"}, Precedence{Levels: []Level{AtLine}}},
		{[]string{"dnspod", "line"}, Precedence{Levels: []Level{"dnspod", AtLine}}}, {[]string{}, Precedence{Levels: []Level{}}},
	} {
		if got := PrecedenceOf(c.list); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %+v, want %+v", c.list, got, c.want)
		}
	}
}

func TestParseRecords(t *testing.T) {
	got, err := ParseRecords("edge.example.", "$TTL 60\n@ IN TXT \"x\"\nwww IN CNAME chat\n", "db")
	if err != nil || len(got) != 2 || got[1] != "www.edge.example.\t60\tIN\tCNAME\tchat.edge.example." {
		t.Errorf("got %q, %v", got, err)
	}
	for text, want := range map[string]string{
		"$INCLUDE other\n":                       "$INCLUDE directive not allowed",
		"www.example.net. 1 IN A 192.0.2.1\n":    "outside of zone",
		"a 1 IN SOA a b 1 2 3 4 5\n":             "only the zone",
		"a 1 CH TXT x\n":                         "class CH",
		"a IN\n":                                 "db: dns:",
		"b 1 IN A 192.0.2.1\na 1 IN A 192.0.2\n": "line: 2",
	} {
		if _, err := ParseRecords("edge.example.", text, "db"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}
