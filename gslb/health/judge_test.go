package health

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// votes reads the word of one name server per letter: U up, D down, ? unknown, o an old vote for down.
func votes(letters string) (list []Vote) {
	for _, l := range letters {
		v := Vote{Server: string(l), Says: map[rune]Condition{'U': Up, 'D': Down, 'o': Down}[l]}
		if l == 'o' {
			v.Age = nameServerSilence + 1
		}
		list = append(list, v)
	}
	return list
}

var (
	ready    = Readiness{Known: true, Ready: 3, Desired: 4}
	unready  = Readiness{Known: true, Desired: 4}
	fine     = Passive{Requests: 100, Errors5xx: 30, Timeouts: 19}
	bad      = Passive{Requests: 100, Errors5xx: 31, Timeouts: 19}
	hopeless = Passive{Requests: 100, Errors5xx: 60, Timeouts: 30}
	few      = Passive{Requests: 49, Errors5xx: 49}
	silent   = freeze + time.Second
)

// TestAuthorities is the truth table: what a piece of evidence that lasts makes of an endpoint that was up, or down.
func TestAuthorities(t *testing.T) {
	for _, c := range []struct {
		name   string
		e      Evidence
		down   bool
		by     Authority
		reason string
	}{
		{"nothing", Evidence{}, false, ByNobody, ""},
		{"ready", Evidence{Readiness: ready}, false, ByReadiness, "3 of 4 replicas are ready"},
		{"unready", Evidence{Readiness: unready}, true, ByReadiness, "0 of 4 replicas are ready"},
		{"unready beats probes", Evidence{Readiness: unready, Votes: votes("UUU"), Passive: fine, Claim: Up}, true, ByReadiness, "0 of 4 replicas are ready"},
		{"ready does not beat probes", Evidence{Readiness: ready, Votes: votes("DDU")}, true, ByProbes, "probes of 2 of 3 name servers fail"},
		{"one of one", Evidence{Votes: votes("D")}, true, ByProbes, "probes of 1 of 1 name servers fail"},
		{"one of two is a tie", Evidence{Votes: votes("DU")}, false, ByNobody, ""},
		{"both of two", Evidence{Votes: votes("DD")}, true, ByProbes, "probes of 2 of 2 name servers fail"},
		{"one of three", Evidence{Votes: votes("DUU")}, false, ByProbes, "probes of 2 of 3 name servers pass"},
		{"two of four is a tie", Evidence{Votes: votes("DDUU")}, false, ByNobody, ""},
		{"who does not know does not count", Evidence{Votes: votes("D??")}, true, ByProbes, "probes of 1 of 1 name servers fail"},
		{"an old vote does not count", Evidence{Votes: votes("ooU")}, false, ByProbes, "probes of 1 of 1 name servers pass"},
		{"probes beat errors", Evidence{Votes: votes("UU"), Passive: bad}, false, ByProbes, "probes of 2 of 2 name servers pass"},
		{"probes do not beat hopeless errors", Evidence{Votes: votes("UU"), Passive: hopeless}, true, ByPassive,
			"60 server errors and 30 timeouts in 100 requests, though probes of 2 of 2 name servers pass"},
		{"failing probes beat good requests", Evidence{Votes: votes("DD"), Passive: fine}, true, ByProbes, "probes of 2 of 2 name servers fail"},
		{"errors with a tie of probes", Evidence{Votes: votes("UD"), Passive: bad}, true, ByPassive, "31 server errors and 19 timeouts in 100 requests"},
		{"errors beat the claim", Evidence{Passive: bad, Claim: Up}, true, ByPassive, "31 server errors and 19 timeouts in 100 requests"},
		{"good requests beat the claim", Evidence{Passive: fine, Claim: Down}, false, ByPassive, "30 server errors and 19 timeouts in 100 requests"},
		{"too few requests", Evidence{Passive: few}, false, ByNobody, ""},
		{"numbers that cannot be", Evidence{Passive: Passive{Requests: 100, Errors5xx: 60, Timeouts: 60}}, false, ByNobody, ""},
		{"claim", Evidence{Claim: Down, Readiness: ready}, true, ByAgent, "the site's agent calls it down"},
		{"late report", Evidence{Readiness: unready, Votes: votes("DD"), ReportAge: siteSilence + 1}, false, ByNobody, ""},
		{"not late yet", Evidence{Readiness: unready, ReportAge: siteSilence}, true, ByReadiness, "0 of 4 replicas are ready"},
		{"silent alone", Evidence{Readiness: unready, Claim: Down, Passive: hopeless, ReportAge: silent}, false, ByNobody, ""},
		{"silent and a tie of probes", Evidence{Votes: votes("UD"), ReportAge: silent}, false, ByNobody, ""},
		{"silent and probes fail", Evidence{Votes: votes("UDD"), ReportAge: silent}, true, ByProbes, "the site is silent for 11s, probes of 2 of 3 name servers fail"},
		{"silent and probes pass", Evidence{Votes: votes("UU"), ReportAge: silent}, false, ByProbes, "the site is silent for 11s, probes of 2 of 2 name servers pass"},
		{"mass silence", Evidence{Votes: votes("DDD"), Readiness: unready, MassSilence: true}, false, ByNobody, ""},
		{"no reports expected", Evidence{Votes: votes("DDD"), ReportAge: NoReports}, true, ByProbes, "probes of 3 of 3 name servers fail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := lasting(c.e, Verdict{})
			if v.Down != c.down || v.By != c.by || v.Reason != c.reason {
				t.Errorf("down %v by %q: %s\nwant %v by %q: %s", v.Down, v.By, v.Reason, c.down, c.by, c.reason)
			}
			if v.Proven() != (c.down && c.by != ByPassive && c.by != ByAgent) {
				t.Errorf("proven %v: %+v", v.Proven(), v)
			}
			// From down the same evidence leads to the same verdict, and without an opinion to none.
			was := Verdict{Down: true, By: ByProbes, Measured: Finding{State: State{Down: true}, By: ByProbes}}
			if v := lasting(c.e, was); v.Down != (c.down || c.by == ByNobody) {
				t.Errorf("from down: down %v by %q: %s", v.Down, v.By, v.Reason)
			}
		})
	}
}

// lasting judges the same evidence every 15 s for a minute and a half.
func lasting(e Evidence, v Verdict) Verdict {
	for i := range 6 {
		v = Judge(e, v, at(15*i))
	}
	return v
}

// A death by readiness or probes is taken at the first judgement, one by errors or the agent at the second in a row.
func TestFall(t *testing.T) {
	for _, c := range []struct {
		name    string
		e       Evidence
		between Evidence
		want    int // judgements
	}{
		{"readiness", Evidence{Readiness: unready}, Evidence{}, 1},
		{"probes", Evidence{Votes: votes("D")}, Evidence{}, 1},
		{"errors", Evidence{Passive: bad}, Evidence{}, 2},
		{"agent", Evidence{Claim: Down}, Evidence{}, 2},
		{"errors, then the agent", Evidence{Passive: bad}, Evidence{Claim: Down}, 2},
		{"errors, then probes", Evidence{Passive: bad}, Evidence{Votes: votes("D")}, 2},
	} {
		v, n := Verdict{}, 0
		for !v.Down && n < 10 {
			e := c.e
			if n > 0 && (c.between.Claim != Unknown || c.between.Votes != nil) {
				e = c.between
			}
			v = Judge(e, v, at(15*n))
			n++
		}
		if n != c.want {
			t.Errorf("%s: down after %d judgements, want %d", c.name, n, c.want)
		}
	}
	// Unknown in between breaks the row.
	v := Verdict{}
	for i := range 20 {
		e := Evidence{Claim: Down}
		if i%2 == 1 {
			e = Evidence{}
		}
		if v = Judge(e, v, at(15*i)); v.Down {
			t.Fatalf("down at judgement %d", i)
		}
	}
}

// The return takes two judgements and five seconds; what flaps waits for its hold, and says so.
func TestReturn(t *testing.T) {
	up, down := Evidence{Votes: votes("UUU")}, Evidence{Votes: votes("DDU")}
	v := Judge(down, Verdict{}, at(0))
	v = Judge(up, v, at(1))
	v = Judge(up, v, at(5))
	want := "probes of 2 of 3 name servers fail; probes of 3 of 3 name servers pass, held back for 5s of calm"
	if !v.Down || !v.Held || v.Proven() || v.Reason != want || v.Since != at(0) {
		t.Errorf("before the calm: %+v", v)
	}
	if v = Judge(up, v, at(6)); v.Down || v.Held || v.Reason != "probes of 3 of 3 name servers pass" || v.Since != at(6) {
		t.Errorf("after it: %+v", v)
	}
	v = Judge(down, v, at(20))
	v = Judge(up, v, at(35))
	v = Judge(up, v, at(79))
	want = "probes of 2 of 3 name servers fail; probes of 3 of 3 name servers pass, held back until 2026-01-02T12:01:20Z after 2 deaths in short order"
	if !v.Down || !v.Held || v.Reason != want {
		t.Errorf("before the end of the hold: %+v", v)
	}
	if v = Judge(down, v, at(79)); v.Held || !v.Proven() || v.Reason != "probes of 2 of 3 name servers fail" {
		t.Errorf("failing anew: %+v", v)
	}
	v = Judge(up, v, at(80))
	if v = Judge(up, v, at(85)); v.Down {
		t.Errorf("after the hold: %+v", v)
	}
}

// What the site itself called down stays so while it is silent, whatever the probes say: missing data attracts nobody.
func TestSilenceBringsNobodyBack(t *testing.T) {
	for name, e := range map[string]Evidence{"readiness": {Readiness: unready}, "errors": {Passive: bad}, "agent": {Claim: Down}} {
		v := lasting(e, Verdict{})
		mute := Evidence{Votes: votes("UUU"), ReportAge: silent}
		if v = lasting(mute, v); !v.Down || !v.Frozen || v.Held {
			t.Errorf("%s: %+v", name, v)
		}
		mute.ReportAge = 0
		if v = lasting(mute, v); v.Down || v.Frozen {
			t.Errorf("%s, and it speaks again: %+v", name, v)
		}
	}
}

// An operator's word counts at once and until it expires. The measured verdict goes on beside it.
func TestForced(t *testing.T) {
	force := func(says Condition, until time.Time) Forced {
		return Forced{Says: says, Until: until, Reason: "drill 7", By: "ada"}
	}
	dead, alive := Evidence{Votes: votes("DD")}, Evidence{Votes: votes("UU")}
	e := alive
	e.Forced = force(Down, at(100))
	v := Judge(e, Verdict{}, at(0))
	if !v.Down || v.By != ByOperator || !v.Proven() || v.Measured.Down || v.Reason != "forced down until 2026-01-02T12:01:40Z by ada: drill 7" {
		t.Errorf("forced down: %+v", v)
	}
	if v = Judge(e, v, at(99)); !v.Down || v.Since != at(0) {
		t.Errorf("a second before the end: %+v", v)
	}
	if v = Judge(e, v, at(100)); v.Down || v.By != ByProbes || v.Since != at(100) {
		t.Errorf("expired: %+v", v)
	}
	e = dead
	e.Forced, e.MassSilence = force(Up, time.Time{}), true
	if v = Judge(e, v, at(101)); v.Down || v.By != ByOperator || !v.Frozen || v.Measured.Down || v.Reason != "forced up by ada: drill 7" {
		t.Errorf("forced up in mass silence: %+v", v)
	}
	e.MassSilence = false
	if v = Judge(e, v, at(102)); v.Down || !v.Measured.Down || v.Measured.Reason != "probes of 2 of 2 name servers fail" {
		t.Errorf("forced up over dead: %+v", v)
	}
	if v = Judge(dead, v, at(103)); !v.Down || v.By != ByProbes || v.Since != at(103) {
		t.Errorf("taken back: %+v", v)
	}
}

// Unknown never changes a verdict, and any sequence of evidence changes it at most three times a minute, twice but for
// the first minute of an episode.
func TestAnySequenceOfEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, now := Verdict{}, noon
		var changes []time.Time
		for range rapid.IntRange(1, 150).Draw(t, "judgements") {
			now = now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "wait")) * time.Second)
			e := anyEvidence(t)
			next := Judge(e, v, now)
			changed := next.Down != v.Down
			if changed {
				changes = append(changes, now)
			}
			if changed && knowsNothing(e) {
				t.Fatalf("%+v changed the verdict: %+v", e, next)
			}
			if !v.Since.IsZero() && changed != (next.Since != v.Since) {
				t.Fatalf("since %v after %v, down %v after %v", next.Since, v.Since, next.Down, v.Down)
			}
			v = overARestart(t, next)
		}
		fewChanges(t, changes)
	})
}

func anyEvidence(t *rapid.T) Evidence {
	ages := []time.Duration{0, 0, 0, 2 * time.Second, 5 * time.Second, time.Minute, NoReports}
	return Evidence{
		Readiness:   rapid.SampledFrom([]Readiness{{}, ready, unready}).Draw(t, "readiness"),
		Votes:       votes(rapid.StringOfN(rapid.SampledFrom([]rune("UD?o")), 0, 4, -1).Draw(t, "votes")),
		Passive:     rapid.SampledFrom([]Passive{{}, few, fine, bad, hopeless}).Draw(t, "passive"),
		Claim:       rapid.SampledFrom([]Condition{Unknown, Up, Down}).Draw(t, "claim"),
		ReportAge:   rapid.SampledFrom(ages).Draw(t, "age"),
		MassSilence: rapid.IntRange(0, 9).Draw(t, "mass") == 0,
	}
}

// knowsNothing says it the dumb way: nobody whose word would count has one.
func knowsNothing(e Evidence) bool {
	var ups, downs int
	for _, v := range e.Votes {
		if v.Age <= 30*time.Second && v.Says == Up {
			ups++
		}
		if v.Age <= 30*time.Second && v.Says == Down {
			downs++
		}
	}
	siteSpeaks := e.ReportAge <= 3*time.Second && (e.Readiness.Known || e.Passive.Requests >= 50 || e.Claim != Unknown)
	return e.MassSilence || e.ReportAge > 3*time.Second && e.ReportAge <= 10*time.Second || ups == downs && !siteSpeaks
}

// overARestart keeps a verdict and reads it back, less the run: time and again a hub may restart.
func overARestart(t *rapid.T, v Verdict) Verdict {
	if rapid.IntRange(0, 9).Draw(t, "restart") > 0 {
		return v
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var restored Verdict
	if err := json.Unmarshal(data, &restored); err != nil {
		t.Fatal(err)
	}
	want := v
	want.Measured.State = want.Measured.forgetRun()
	if restored != want {
		t.Fatalf("restored %+v, want %+v", restored, want)
	}
	return restored
}

func TestVerdictEncoding(t *testing.T) {
	v := Judge(Evidence{Votes: votes("DD")}, Verdict{}, noon)
	data, err := json.Marshal(v)
	const finding = `"down":true,"since":"2026-01-02T12:00:00Z","by":"probes","reason":"probes of 2 of 2 name servers fail"`
	if err != nil || !strings.Contains(string(data), `"measured":{`+finding+`}`) {
		t.Errorf("%s, %v", data, err)
	}
	if data, _ := json.Marshal(Verdict{}); string(data) != "{}" {
		t.Errorf("the zero value is %s", data)
	}
}
