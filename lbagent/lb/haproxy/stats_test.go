package haproxy

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/gslb"
)

func TestParseStats(t *testing.T) {
	got, err := parseStats(record(t, "stat-2.6.12.csv"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]counters{
		"shop:Deployment:chat:8080":   {errors5xx: 2, inFlight: 2, serversUp: 1, hasErrors: true, frontend: true, backend: true},
		"shop:StatefulSet:queue:6379": {requests: 3, inFlight: 1, serversUp: 1, frontend: true, backend: true},
	}
	if !maps.Equal(got, want) {
		t.Errorf("stats:\n%+v\nwant:\n%+v", got, want)
	}
}

func TestParseStatsRefuses(t *testing.T) {
	const head = "# pxname,svname,qcur,scur,type,mode\n"
	for name, text := range map[string]string{
		"nothing":         "",
		"a page":          "<html>\n",
		"a word":          head + "a,BACKEND,0,many,1,http\n",
		"a negative":      head + "a,BACKEND,-1,0,1,http\n",
		"more than int64": head + "a,BACKEND,0,18446744073709551615,1,http\n",
	} {
		if got, err := parseStats(text); !errors.Is(err, errState) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestParseRequests(t *testing.T) {
	got, err := parseRequests(record(t, "table-2.6.12.txt"))
	want := map[string]uint64{"shop:Deployment:chat:8080": 9, "shop:Deployment:other:80": 4294967295}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("requests: %v %v, want %v", got, err, want)
	}
	const head = "# table: requests, type: string, size:100000, used:1\n"
	for name, text := range map[string]string{
		"nothing":       "",
		"no table":      "No such table\n",
		"another table": "# table: others, type: string\n",
		"a word":        head + "0x1: key=a use=0 exp=0 http_req_cnt=many\n",
		"a negative":    head + "0x1: key=a use=0 exp=0 http_req_cnt=-1\n",
		"no number":     head + "0x1: key=a use=0 exp=0\n",
	} {
		if got, err := parseRequests(text); !errors.Is(err, errState) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestParseStatsTakesQuotedFields(t *testing.T) {
	got, err := parseStats("# pxname,last_chk,scur,type,mode\na,\"via \"\"x\"\", y\",7,1,http\n")
	if err != nil || got["a"].inFlight != 7 {
		t.Errorf("%+v %v", got, err)
	}
}

func FuzzStats(f *testing.F) {
	f.Add(record(f, "stat-2.6.12.csv"))
	f.Add("# pxname,svname,qcur,scur,type,mode\na,BACKEND,1,0,1,http\n")
	f.Fuzz(func(t *testing.T, text string) {
		proxies, err := parseStats(text)
		if err != nil {
			return
		}
		var m meter
		r := reading{}
		for name, c := range proxies {
			r[workerKey{1, name}] = c
		}
		if loads := m.update(time.Unix(0, 0), r, []int{1}); len(loads) != len(proxies) {
			t.Errorf("%d loads of %d proxies", len(loads), len(proxies))
		}
	})
}

// step is one reading of a meter: seconds since the start, and requests by worker.
type step struct {
	second   float64
	requests map[int]uint64
	unread   []int // runs, but was not read
	total    uint64
	rate     int64 // in thousandths; -1 is not known
}

func TestMeter(t *testing.T) {
	for name, steps := range map[string][]step{
		"grows": {
			{second: 0, requests: map[int]uint64{1: 100}, total: 100, rate: -1},
			{second: 0.5, requests: map[int]uint64{1: 110}, total: 110, rate: -1},
			{second: 1, requests: map[int]uint64{1: 120}, total: 120, rate: 20_000},
			{second: 1.5, requests: map[int]uint64{1: 120}, total: 120, rate: 10_000},
			{second: 2.5, requests: map[int]uint64{1: 120}, total: 120, rate: 0},
		},
		"a reload begins anew, the old worker finishes": {
			{second: 0, requests: map[int]uint64{1: 100}, total: 100, rate: -1},
			{second: 1, requests: map[int]uint64{1: 105, 2: 5}, total: 110, rate: 10_000},
			{second: 2, requests: map[int]uint64{2: 25}, total: 130, rate: 20_000},
		},
		"an old worker that was not read is not counted twice": {
			{second: 0, requests: map[int]uint64{1: 100, 2: 0}, total: 100, rate: -1},
			{second: 1, requests: map[int]uint64{2: 10}, unread: []int{1}, total: 110, rate: 10_000},
			{second: 2, requests: map[int]uint64{1: 101, 2: 20}, total: 121, rate: 11_000},
		},
		"a counter that falls began anew": {
			{second: 0, requests: map[int]uint64{1: 100}, total: 100, rate: -1},
			{second: 1, requests: map[int]uint64{1: 4}, total: 104, rate: 4_000},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var m meter
			for _, s := range steps {
				s.check(t, &m)
			}
		})
	}
}

func (s step) check(t *testing.T, m *meter) {
	t.Helper()
	r, pids := reading{}, slices.Clone(s.unread)
	for pid, n := range s.requests {
		r[workerKey{pid, "w"}] = counters{requests: n, errors5xx: n, hasErrors: true}
		pids = append(pids, pid)
	}
	load := m.update(time.Unix(1000, 0).Add(time.Duration(s.second*float64(time.Second))), r, pids)["w"]
	if *load.RequestsTotal != s.total || *load.Errors5xxTotal != s.total {
		t.Errorf("second %v: totals %d and %d, want %d", s.second, *load.RequestsTotal, *load.Errors5xxTotal, s.total)
	}
	if rate := load.Rate; rate == nil && s.rate != -1 || rate != nil && *rate != gslb.MilliRPS(s.rate) {
		t.Errorf("second %v: rate %v, want %d", s.second, rate, s.rate)
	}
}

func TestMeterLeavesOutWhatIsNotMeasured(t *testing.T) {
	var m meter
	load := m.update(time.Unix(0, 0), reading{{1, "w"}: {requests: 3}}, []int{1})["w"]
	if load.Errors5xxTotal != nil || load.Rate != nil {
		t.Errorf("TCP has no 5xx and a first reading no rate: %+v", load)
	}
	m.update(time.Unix(1, 0), reading{}, []int{1})
	if len(m.total)+len(m.last) != 0 {
		t.Errorf("a workload that is gone is kept: %v %v", m.total, m.last)
	}
}

func TestAlerts(t *testing.T) {
	said := "[NOTICE]   (1) : haproxy version is 2.6.12\n[ALERT]    (1) : config : parsing [x:1] : unknown keyword 'bad'.\n[ALERT]    (1) : config : Fatal errors found in configuration.\n"
	if got := alerts(said); !strings.HasPrefix(got, "config : parsing [x:1]") || strings.Contains(got, "NOTICE") {
		t.Errorf("alerts: %q", got)
	}
	if got := alerts("cannot execute\n"); got != "cannot execute" {
		t.Errorf("alerts without an alert: %q", got)
	}
}
