package worldfile

import (
	"strings"
	"testing"
)

// head is a good beginning of three lines; a wrong service starts at line 4.
const head = `sites: [{name: fra, location: {lat: 50.11, lon: 8.68}}]
zones: [{name: edge.example., nameservers: [ns1.edge.example.]}]
services:
`

var wrongFiles = []struct {
	name, text string
	want       string // the whole error
}{
	{"empty file", "",
		"line 1: zones: no zone: add the one that the names are in"},
	{"not YAML", "sites: [\n- x",
		"line 1: did not find expected node content"},
	{"not a mapping", "- fra\n",
		"line 1: a value of this kind does not fit here"},
	{"a tag with a line break", "!'%0A",
		"line 1: a value `` of this kind does not fit here"},
	{"two documents", head + "---\nsites: []\n",
		"the file has more than one YAML document: keep one"},
	{"unknown key", head + "- name: a.edge.example.\n  colour: red\n",
		`line 5: unknown key "colour" in service`},
	{"unknown key at the top", "sitez: []\n",
		`line 1: unknown key "sitez" in file`},
	{"unknown key of two words", "sites: []\nmy zone: x\n",
		`line 2: unknown key "my zone" in file`},
	{"a key twice", head + "- name: a.edge.example.\n  ttl: 1s\n  ttl: 2s\n",
		`line 6: mapping key "ttl" already defined at line 5`},
	{"a list where a value belongs", head + "- name: a.edge.example.\n  ttl: [1s]\n",
		"line 5: want one value here"},
	{"latitude beyond the pole", "sites:\n- name: fra\n  location:\n    lat: 90.000001\n    lon: 8\nzones: [{name: edge.example., nameservers: [ns1.edge.example.]}]\n",
		"line 4: sites[0].location.lat: 90.000001, want -90 to 90"},
	{"longitude that is no number", "sites:\n- name: fra\n  location:\n    lat: 9\n    lon: east\nzones: [{name: edge.example., nameservers: [ns1.edge.example.]}]\n",
		`line 5: sites[0].location.lon: "east", want degrees such as 50.11`},
	{"longitude left out", "sites: [{name: fra, location: {lat: 9}}]\n",
		`line 1: sites[0].location.lon: missing: give {lat: 50.11, lon: 8.68}`},
	{"location left out", "sites:\n- name: fra\n",
		"line 2: sites[0].location: missing: give {lat: 50.11, lon: 8.68}"},
	{"site twice", "sites:\n- {name: fra, location: {lat: 1, lon: 1}}\n- {name: fra, location: {lat: 2, lon: 2}}\nzones: [{name: edge.example., nameservers: [ns1.edge.example.]}]\n",
		`line 3: sites[1].name: site "fra" is listed twice`},
	{"site in capitals", "sites:\n- {name: FRA, location: {lat: 1, lon: 1}}\nzones: [{name: edge.example., nameservers: [ns1.edge.example.]}]\n",
		`line 2: sites[0].name: not a host name: character 'F'`},
	{"line with a blank", "sites:\n- {name: fra, location: {lat: 1, lon: 1}, lines: [default, China Telecom]}\nzones: [{name: edge.example., nameservers: [ns1.edge.example.]}]\n",
		`line 2: sites[0].lines[1]: line "China Telecom": want a lower-case word such as telecom, or default`},
	{"zone twice", "zones:\n- {name: edge.example., nameservers: [ns1.edge.example.]}\n- {name: edge.example, nameservers: [ns1.edge.example.]}\n",
		"line 3: zones[1].name: zone edge.example. is listed twice"},
	{"zone without name servers", "zones:\n- name: edge.example.\n",
		"line 2: zones[0].nameservers: no name server: add the names that the parent zone delegates to"},
	{"zone file that is not there", "zones:\n- name: edge.example.\n  nameservers: [ns1.edge.example.]\n  file: db.missing\n",
		"line 4: zones[0].file: open testdata/db.missing: no such file or directory"},
	{"zone file with a wrong record", "zones:\n- name: edge.example.\n  nameservers: [ns1.edge.example.]\n  file: db.broken\n",
		`line 4: zones[0].file: read zone file: db.broken: dns: bad A A: "192.0.2.300" at line: 2:24`},
	{"zone file that is cut off", "zones:\n- name: edge.example.\n  nameservers: [ns1.edge.example.]\n  file: db.cut\n",
		"line 4: zones[0].file: db.cut does not end with a line break: it is cut off, or needs one after its last record"},
	{"zone file with a name outside", "zones:\n- name: edge.example.\n  nameservers: [ns1.edge.example.]\n  file: db.outside\n",
		"line 4: zones[0].file: db.outside: www.example.net. is outside of zone edge.example."},
	{"zone file with an address at a steered name", strings.Replace(head, "]}]\nservices", "], file: db.steered}]\nservices", 1) + "- name: chat.edge.example.\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 4: services[0].name: chat.edge.example. has a static A record, which steering would hide: remove one of them"},
	{"zone file with a CNAME at a steered name", strings.Replace(head, "]}]\nservices", "], file: db.alias}]\nservices", 1) + "- name: chat.edge.example.\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 4: services[0].name: chat.edge.example. has a static CNAME record, which steering would hide: remove one of them"},
	{"bad name", head + "- name: chat room.edge.example.\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		`line 4: services[0].name: not a host name: character ' ' in "chat room.edge.example."`},
	{"name left out", head + "- ttl: 30s\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		`line 4: services[0].name: not a host name: "" has 0 characters, want 1 to 253`},
	{"name outside the zones", head + "- name: chat.example.net.\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 4: services[0].name: chat.example.net. is in none of the zones: add its zone, or export it by CNAME"},
	{"name twice", head + "- {name: a.edge.example., endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]}\n- {name: A.edge.example, endpoints: [{site: fra, capacity: 1, address: 192.0.2.2}]}\n",
		"line 5: services[1].name: a.edge.example. is also the name of services[0].name: a name has one owner"},
	{"alias of another service", head + "- {name: a.edge.example., endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]}\n- name: b.edge.example.\n  aliases:\n  - c.edge.example.\n  - a.edge.example.\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.2}]\n",
		"line 8: services[1].aliases[1]: a.edge.example. is also the name of services[0].name: a name has one owner"},
	{"TTL without a unit", head + "- name: a.edge.example.\n  ttl: 30\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		`line 5: services[0].ttl: "30", want a duration such as 30s`},
	{"TTL of a split second", head + "- name: a.edge.example.\n  ttl: 1500ms\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 5: services[0].ttl: 1.5s, want whole seconds from 1s to 24h0m0s"},
	{"TTL zero", head + "- name: a.edge.example.\n  ttl: 0s\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 5: services[0].ttl: 0s, want whole seconds from 1s to 24h0m0s"},
	{"unknown method", head + "- name: a.edge.example.\n  steering:\n    method: random\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		`line 6: services[0].steering.method: "random", want proximity, weighted or failover`},
	{"watermarks upside down", head + "- name: a.edge.example.\n  steering: {watermarks: {low: 90, high: 70}}\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 5: services[0].steering.watermarks: low 90 and high 70, want 1 <= low < high <= 100"},
	{"watermark in percent", head + "- name: a.edge.example.\n  steering: {watermarks: {low: 70%, high: 90%}}\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 5: a value `70%` of this kind does not fit here\nline 5: a value `90%` of this kind does not fit here"},
	{"probe without a port", head + "- name: a.edge.example.\n  health: {type: tcp}\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 5: services[0].health.port: missing: give the port to probe"},
	{"probe without a path", head + "- name: a.edge.example.\n  health: {type: http, port: 80}\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		`line 5: services[0].health.path: "", want a path such as /healthz`},
	{"probe too often", head + "- name: a.edge.example.\n  health: {type: tcp, port: 80, interval: 1ms}\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 5: services[0].health.interval: 1ms, want 100ms to 1h0m0s"},
	{"no endpoints", head + "- name: a.edge.example.\n",
		"line 4: services[0].endpoints: 0 endpoints, want 1 to 1000"},
	{"capacity left out", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    address: 192.0.2.1\n",
		"line 6: services[0].endpoints[0].capacity: missing: give the requests/s that the site can carry for this service"},
	{"negative capacity", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: -3\n    address: 192.0.2.1\n",
		`line 7: services[0].endpoints[0].capacity: not a rate: "-3" is negative`},
	{"unknown site", head + "- name: a.edge.example.\n  endpoints:\n  - {site: par, capacity: 1, address: 192.0.2.1}\n",
		`line 6: services[0].endpoints[0].site: no site is called "par": add it to sites`},
	{"site with two endpoints", head + "- name: a.edge.example.\n  endpoints:\n  - {site: fra, capacity: 1, address: 192.0.2.1}\n  - {site: fra, capacity: 1, address: 192.0.2.2}\n",
		`line 7: services[0].endpoints[1].site: site "fra" has two endpoints: give one endpoint several addresses`},
	{"address of no host", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: 1\n    address: origin.example.net\n",
		`line 8: services[0].endpoints[0].addresses[0].address: "origin.example.net", want an IPv4 or IPv6 address`},
	{"no address", head + "- name: a.edge.example.\n  endpoints:\n  - {site: fra, capacity: 1}\n",
		"line 6: services[0].endpoints[0].addresses: 0 addresses, want 1 to 16"},
	{"address and addresses", head + "- name: a.edge.example.\n  endpoints:\n  - {site: fra, capacity: 1, address: 192.0.2.1, addresses: [{address: 192.0.2.2}]}\n",
		"line 6: services[0].endpoints[0].address: give either address or addresses"},
	{"address twice", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: 1\n    addresses:\n    - address: 192.0.2.1\n    - address: 192.0.2.1\n",
		"line 10: services[0].endpoints[0].addresses[1].address: 192.0.2.1 is listed twice"},
	{"multicast address", head + "- name: a.edge.example.\n  endpoints:\n  - {site: fra, capacity: 1, address: 224.0.0.1}\n",
		"line 6: services[0].endpoints[0].addresses[0].address: 224.0.0.1 cannot be served: want a unicast IPv4 or IPv6 address"},
	{"region by its name", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: 1\n    addresses:\n    - address: 192.0.2.1\n      line: telecom\n      region: Guangdong\n",
		`line 11: services[0].endpoints[0].addresses[0].region: region "Guangdong": want a subdivision such as CN-GD, a country such as CN, or an area: CN-central, CN-east, CN-north, CN-northeast, CN-northwest, CN-south or CN-southwest`},
	{"region of the short form", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: 1\n    address: 192.0.2.1\n    line: telecom\n    region: CN-44\n",
		`line 10: services[0].endpoints[0].addresses[0].region: region "CN-44": China has no such subdivision: want an ISO 3166-2 code such as CN-GD`},
	{"line of the short form", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: 1\n    region: CN\n    line: Telecom\n    address: 192.0.2.1\n",
		`line 9: services[0].endpoints[0].addresses[0].line: line "Telecom": want a lower-case word such as telecom, or default`},
	{"address of no host, short form", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: 1\n    address: x\n",
		`line 8: services[0].endpoints[0].addresses[0].address: "x", want an IPv4 or IPv6 address`},
	{"line beside addresses", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: 1\n    line: telecom\n    addresses: [{address: 192.0.2.1}]\n",
		"line 8: services[0].endpoints[0].line: a line belongs to an address: give address beside it, or line within addresses"},
	{"region beside addresses", head + "- name: a.edge.example.\n  endpoints:\n  - site: fra\n    capacity: 1\n    region: CN\n    addresses: [{address: 192.0.2.1}]\n",
		"line 8: services[0].endpoints[0].region: a region belongs to an address: give address beside it, or region within addresses"},
	{"unknown preset", head + "- name: a.edge.example.\n  steering:\n    precedence: aliyun\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		`line 6: services[0].steering.precedence: "aliyun", want alibaba, dnspod, huawei or volcengine, or a list of levels`},
	{"unknown level", head + "- name: a.edge.example.\n  steering:\n    precedence:\n    - region\n    - isp\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		`line 8: services[0].steering.precedence[1]: "isp", want line-region, region, line-area, area, line-country, country, line or default`},
	{"level twice", head + "- name: a.edge.example.\n  steering:\n    precedence: [line, region, line]\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 6: services[0].steering.precedence[2]: line is listed twice"},
	{"no levels", head + "- name: a.edge.example.\n  steering:\n    precedence: []\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 6: services[0].steering.precedence: an empty list: leave it out for the default order, or write [default] if lines and regions shall not count"},
	{"precedence with keys", head + "- name: a.edge.example.\n  steering:\n    precedence: {preset: dnspod}\n  endpoints: [{site: fra, capacity: 1, address: 192.0.2.1}]\n",
		"line 6: a value of this kind does not fit here"},
	{"cut off before the services", "sites:\n- {name: fra, location: {lat: 50.11, lon: 8.68}}\nzones:\n- {name: edge.example., nameservers: [ns1.edge.example.]}\n",
		"services: missing: a world without any is written services: []"},
	{"several at once", head + "- name: a.edge.example.\n  ttl: soon\n  endpoints:\n  - {site: fra, capacity: many, address: 192.0.2.1}\n",
		"line 5: services[0].ttl: \"soon\", want a duration such as 30s\nline 7: services[0].endpoints[0].capacity: not a rate: \"many\", want requests per second such as 120 or 0.5"},
}

// TestWrong holds every message against the whole text that a user sees.
func TestWrong(t *testing.T) {
	for _, c := range wrongFiles {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse([]byte(c.text), readTestdata)
			if err == nil {
				t.Fatalf("taken as %+v, want the error\n%s", m, c.want)
			}
			if err.Error() != c.want {
				t.Errorf("got\n%s\nwant\n%s", err, c.want)
			}
		})
	}
}
