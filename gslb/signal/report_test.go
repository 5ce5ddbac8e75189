package signal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb"
)

func TestDecodeNameServerRefuses(t *testing.T) {
	classes := func(n int, seconds int64) []ServiceAnswers {
		s := ServiceAnswers{Service: "chat.edge.example."}
		for i := range n {
			s.Classes = append(s.Classes, ClassAnswers{Class: fmt.Sprintf("%016x", i), Seconds: map[gslb.SiteID]int64{"fra": seconds}})
		}
		return []ServiceAnswers{s}
	}
	resolvers := func(n int, addr string, seconds int64) []ServiceAnswers {
		s := ServiceAnswers{Service: "chat.edge.example.", Classes: classes(MaxAnswers, 30)[0].Classes}
		for i := range n {
			s.Resolvers = append(s.Resolvers, ResolverAnswers{Resolver: netip.MustParseAddr(addr), Class: fmt.Sprintf("%016x", i), Seconds: seconds})
		}
		return []ServiceAnswers{s}
	}
	everywhere := func(n, sites int) []ServiceAnswers { // each row at as many sites
		s := resolvers(n, "192.0.2.53", 30)
		one := s[0].Resolvers
		s[0].Resolvers = nil
		for site := range sites {
			for _, a := range one {
				a.Site = gslb.SiteID(fmt.Sprint("s", site))
				s[0].Resolvers = append(s[0].Resolvers, a)
			}
		}
		return s
	}
	unknown := resolvers(1, "192.0.2.53", 30)
	unknown[0].Resolvers[0].Resolver = netip.Addr{}
	for want, r := range map[string]NameServerReport{
		"8001 rows of resolvers, the":  {Version: Version, Answers: everywhere(1, MaxResolverRows+1)},
		"to 1001 resolvers, the limit": {Version: Version, Answers: resolvers(MaxResolvers+1, "192.0.2.53", 30)},
		"192.0.2.53 for -1 s":          {Version: Version, Answers: resolvers(1, "192.0.2.53", -1)},
		"192.0.2.53 for 1099511627777": {Version: Version, Answers: resolvers(1, "192.0.2.53", MaxAnswerSeconds+1)},
		"224.0.0.1 is no resolver's":   {Version: Version, Answers: resolvers(1, "224.0.0.1", 30)},
		"::ffff:192.0.2.53 is no":      {Version: Version, Answers: resolvers(1, "::ffff:192.0.2.53", 30)},
		"invalid IP is no resolver's":  {Version: Version, Answers: unknown},
		"version 9, this build":        {Version: 9},
		"to fra for -1 s":              {Version: Version, Answers: classes(1, -1)},
		"to fra for 1099511627777 s":   {Version: Version, Answers: classes(1, MaxAnswerSeconds+1)},
		"answers to 5001 classes, the": {Version: Version, Answers: classes(MaxAnswers+1, 30)},
	} {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = DecodeNameServer(data); !errors.Is(err, ErrReport) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for name, answers := range map[string][]ServiceAnswers{
		"as many resolvers as it may have, each at one site":    resolvers(MaxResolvers, "2001:db8:1111:2222:3333:4444:5555:6666", 86400),
		"as many resolvers, each at as many sites as it may be": everywhere(MaxResolvers, MaxResolverRows/MaxResolvers),
	} {
		data, err := json.Marshal(NameServerReport{Version: Version, Answers: answers})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeNameServer(data); err != nil {
			t.Errorf("%s, %d bytes: %v", name, len(data), err)
		}
	}
	if _, err := DecodeNameServer([]byte("{")); !errors.Is(err, ErrReport) {
		t.Errorf("got %v", err)
	}
}

// Whatever comes in is read or refused, and what is read can be written.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"name":"ns1","generation":7,"answers":[{"service":"a.","classes":[{"class":"x","seconds":{"fra":30}}]}]}`))
	f.Add([]byte(`{"version":1,"name":"ns1","answers":[{"service":"a.","resolvers":[{"resolver":"2001:db8::53","class":"x","site":"fra","seconds":30},{"resolver":"2001:db8::53","class":"x","seconds":30}]}]}`))
	f.Add([]byte(`{"version":1,"site":"fra","services":[{"workload":"shop/Deployment/chat","readyReplicas":2,"addresses":["192.0.2.1"],"load":{"rateMilliRPS":5}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, decode := range []func([]byte) (any, error){
			func(data []byte) (any, error) { return DecodeSite(data) },
			func(data []byte) (any, error) { return DecodeNameServer(data) },
		} {
			report, err := decode(data)
			if err != nil {
				continue
			}
			if _, err := json.Marshal(report); err != nil {
				t.Fatal(err)
			}
			if r, ok := report.(NameServerReport); ok {
				mapTakes(t, r)
			}
		}
	})
}

// mapTakes holds what a decoded report says of resolvers against what maps take.
func mapTakes(t *testing.T, r NameServerReport) {
	resolvers, rows := 0, 0
	for _, s := range r.Answers {
		resolvers, rows = resolvers+s.resolvers(), rows+len(s.Resolvers)
		for _, a := range s.Resolvers {
			if !gslb.Unicast(a.Resolver) || a.Seconds < 0 {
				t.Errorf("%+v was read", a)
			}
		}
	}
	if resolvers > MaxResolvers || rows > MaxResolverRows {
		t.Errorf("%d resolvers in %d rows were read", resolvers, rows)
	}
}
