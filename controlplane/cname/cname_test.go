package cname

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/gslb"
)

const canonical = gslb.Name("chat.shop.edge.example.")

// zone is a resolver in memory: names with where they point; addresses point at themselves.
type zone struct {
	mu     sync.Mutex
	alias  map[string]string
	broken error
	// takes is how long an answer takes; asked counts the questions, most is the most at once.
	takes              time.Duration
	asked, atOnce, max int
}

func (z *zone) LookupCNAME(ctx context.Context, host string) (string, error) {
	z.mu.Lock()
	z.asked, z.atOnce = z.asked+1, z.atOnce+1
	z.max = max(z.max, z.atOnce)
	takes := z.takes
	z.mu.Unlock()
	var late error
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		late = ctx.Err()
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.atOnce--
	to, found := z.alias[host]
	switch {
	case late != nil || z.broken != nil:
		return "", errors.Join(late, z.broken)
	case !found:
		return "", &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return to, nil
}

func (z *zone) set(change func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	change()
}

func (z *zone) count() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked
}

func TestFollow(t *testing.T) {
	servfail := &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	long := map[string]string{}
	for i := range 20 {
		long[fmt.Sprintf("%d.example.", i)] = fmt.Sprintf("%d.example.", i+1)
	}
	tests := []struct {
		name   string
		alias  map[string]string
		broken error
		from   gslb.Name
		want   gslb.Name // empty: an error
	}{
		{"straight here", map[string]string{"chat.example.com.": "chat.shop.edge.example."}, nil, "chat.example.com.", canonical},
		{"in capitals, without the dot", map[string]string{"chat.example.com.": "CHAT.Shop.edge.example"}, nil, "chat.example.com.", canonical},
		{"by a chain, one alias an answer", map[string]string{"chat.example.com.": "a.example.net.", "a.example.net.": "b.example.net.",
			"b.example.net.": "chat.shop.edge.example."}, nil, "chat.example.com.", canonical},
		{"the canonical name itself is not asked for", map[string]string{"chat.example.com.": "chat.shop.edge.example.",
			"chat.shop.edge.example.": "elsewhere.example."}, nil, "chat.example.com.", canonical},
		{"addresses of its own", map[string]string{"chat.example.com.": "chat.example.com."}, nil, "chat.example.com.", "chat.example.com."},
		{"elsewhere", map[string]string{"chat.example.com.": "cdn.example.net.", "cdn.example.net.": "cdn.example.net."}, nil, "chat.example.com.", "cdn.example.net."},
		{"to nothing", map[string]string{"chat.example.com.": "gone.example.net."}, nil, "chat.example.com.", "gone.example.net."},
		{"no such name", nil, nil, "chat.example.com.", "chat.example.com."},
		{"a resolver in trouble", nil, servfail, "chat.example.com.", ""},
		{"a loop", map[string]string{"a.example.": "b.example.", "b.example.": "a.example."}, nil, "a.example.", "a.example."},
		{"a chain without end", long, nil, "0.example.", "8.example."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := follow(t.Context(), &zone{alias: test.alias, broken: test.broken}, test.from, []gslb.Name{canonical})
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// TestSchedule: what is asked when, at times after the first look.
func TestSchedule(t *testing.T) {
	begun := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	s := schedule{}
	steps := []struct {
		after time.Duration
		want  []Link // nil: as before
		n     int
		begin string // the domains that are asked
		end   string // name=where of the answers
		news  bool
	}{
		{0, []Link{{"b.example.", canonical}, {"a.example.", canonical}}, 4, "a.example. b.example.", "", false},
		{time.Minute, nil, 4, "", "a.example.=", false}, // both are being asked; the look-up of a.example. fails
		{time.Minute, nil, 4, "a.example.", "a.example.=a.example.", true},
		{89 * time.Second, nil, 4, "", "", false},
		{90 * time.Second, nil, 4, "a.example.", "a.example.=chat.shop.edge.example.", true},
		{91 * time.Second, nil, 4, "", "", false},
		{11*time.Minute + 29*time.Second, nil, 4, "", "", false},
		{11*time.Minute + 30*time.Second, nil, 4, "a.example.", "a.example.=", false}, // the look-up failed: it stays verified
		{20 * time.Minute, nil, 4, "", "", false},
		{22 * time.Minute, nil, 4, "a.example.", "a.example.=cdn.example.", true},
		{22*time.Minute + 30*time.Second, nil, 4, "a.example.", "a.example.=cdn.example.", false},
		{23 * time.Minute, []Link{{"c.example.", canonical}, {"a.example.", canonical}}, 1, "c.example.", "c.example.=chat.shop.edge.example.", true},
		// another export wants c.example. as well, and does not have it: its owner may be about to move it
		{24 * time.Minute, []Link{{"c.example.", canonical}, {"c.example.", "other.edge.example."}}, 4, "c.example.", "", false},
	}
	if s.end("nobody.example.", canonical) {
		t.Error("news of a domain that nobody wants")
	}
	for i, step := range steps {
		if step.want != nil {
			s.want(step.want)
		}
		var got []string
		for _, name := range s.begin(begun.Add(step.after), step.n) {
			got = append(got, string(name))
		}
		if strings.Join(got, " ") != step.begin {
			t.Errorf("step %d, after %v: asks for %v, want %q", i, step.after, got, step.begin)
		}
		name, where, answered := strings.Cut(step.end, "=")
		if answered && s.end(gslb.Name(name), gslb.Name(where)) != step.news {
			t.Errorf("step %d: news is %v", i, !step.news)
		}
	}
	if names := slices.Sorted(maps.Keys(s)); !slices.Equal(names, []gslb.Name{"c.example."}) {
		t.Errorf("it keeps %v, want c.example. alone", names)
	}
}

func TestChecker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{alias: map[string]string{"chat.example.com.": "chat.example.com."}}
		news := 0
		c := New(z, time.Now, func() { z.set(func() { news++ }) }, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); c.Run(ctx) }()
		c.Want([]Link{{"chat.example.com.", canonical}})
		check := func(after time.Duration, leads gslb.Name, asked, told int) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			z.mu.Lock()
			defer z.mu.Unlock()
			if got := c.LeadsTo()["chat.example.com."]; got != leads || z.asked != asked || news != told {
				t.Errorf("it leads to %q, want %q; %d questions, want %d; %d times news, want %d", got, leads, z.asked, asked, news, told)
			}
		}
		check(2*time.Second, "chat.example.com.", 1, 1)
		z.set(func() { z.alias["chat.example.com."] = "chat.shop.edge.example." })
		check(31*time.Second, canonical, 2, 2)
		check(5*time.Minute, canonical, 2, 2)
		z.set(func() { z.broken = errors.New("the resolver is away") })
		check(6*time.Minute, canonical, 3, 2)
		z.set(func() { z.broken, z.takes = nil, time.Hour }) // it answers too late
		check(11*time.Minute, canonical, 4, 2)
		z.set(func() { z.takes = 0; delete(z.alias, "chat.example.com.") })
		check(8*time.Minute, "chat.example.com.", 5, 3)
		cancel()
		<-ended
	})
}

// TestFewAtOnce: domains whose servers are dead hold up nobody for long, and the resolver has few questions at once.
func TestFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{takes: time.Hour}
		c := New(z, time.Now, func() {}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); c.Run(ctx) }()
		var links []Link
		for i := range 20 {
			links = append(links, Link{gslb.Name(fmt.Sprintf("%02d.example.", i)), canonical})
		}
		c.Want(links)
		time.Sleep(26 * time.Second)
		synctest.Wait()
		if z.count() != 20 || z.max != atOnce {
			t.Errorf("%d questions, %d at once, want 20 and %d", z.count(), z.max, atOnce)
		}
		cancel()
		<-ended
	})
}
