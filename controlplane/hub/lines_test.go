package hub_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/gslb"
)

// tableOfLines is a geo table that knows the lines of networks.
func tableOfLines(t *testing.T, networks map[string]gslb.Line) *geodata.Table {
	t.Helper()
	var b geodata.Builder
	layer := b.Override("operator")
	for network, line := range networks {
		if err := layer.Add(netip.MustParsePrefix(network), geodata.Place{Line: line}); err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build(geodata.Origin{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// lineEvents are the last pass' Events about the line of site pek, as "Warning/Reason: message".
func (w *world) lineEvents() (list []string) {
	for _, e := range w.last.Events {
		if e.Object.Kind == "Site" && e.Object.Name == "pek" && strings.HasPrefix(e.Reason, "Line") {
			list = append(list, e.Type+"/"+e.Reason+": "+e.Message)
		}
	}
	return list
}

// lineStatus is the status and reason of pek's condition LineConfirmed, "" if it has none.
func (w *world) lineStatus() string {
	if c := meta.FindStatusCondition(w.site("pek").Status.Conditions, "LineConfirmed"); c != nil {
		return string(c.Status) + "/" + c.Reason
	}
	return ""
}

// The operator's word counts, and is held against the geo data: pek's address is 192.0.2.1.
func TestDeclaredLine(t *testing.T) {
	for name, c := range map[string]struct {
		declared []string
		known    gslb.Line
		status   string
		event    string
	}{
		"they agree":         {[]string{"telecom"}, "telecom", "True/LineConfirmed", "Normal/LineConfirmed: the geo data has the site's addresses on telecom"},
		"they do not":        {[]string{"telecom"}, "unicom", "False/LineContradicted", "Warning/LineContradicted: spec.lines says telecom and the geo data has 192.0.2.1 on unicom: telecom is used; correct spec.lines, or leave it out and the line is looked up"},
		"nobody knows":       {[]string{"telecom"}, "", "", ""},
		"nothing declared":   {nil, "unicom", "", ""},
		"several lines":      {[]string{"telecom", "mobile"}, "unicom", "", ""},
		"line of no network": {[]string{"default"}, "unicom", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.in.Geo = tableOfLines(t, map[string]gslb.Line{"192.0.2.0/24": c.known})
			w.site("pek").Spec.Lines = c.declared
			w.serve("ns1", "ns2")
			var events []string
			for range 5 {
				w.pass()
				events = append(events, w.lineEvents()...)
				w.run("fra", "pek", "iad")
			}
			if got := strings.Join(events, "\n"); got != c.event {
				t.Errorf("Events %q, want %q", got, c.event)
			}
			if got := w.lineStatus(); got != c.status {
				t.Errorf("condition %q, want %q", got, c.status)
			}
			for _, s := range w.in.Current.Services {
				for _, e := range s.Endpoints {
					if want := gslb.Line(strings.Join(c.declared, "")); e.Site == "pek" && len(c.declared) == 1 && e.Addresses[0].Line != want {
						t.Errorf("the map has line %q, want the declared %q", e.Addresses[0].Line, want)
					}
				}
			}
		})
	}
}

// One Event for each change, however often the hub looks; a site that falls silent changes nothing.
func TestDeclaredLineIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.in.Geo = tableOfLines(t, map[string]gslb.Line{"192.0.2.0/24": "unicom"})
	w.settle("fra", "pek", "iad")
	for range 3 {
		w.wait(time.Second, "fra", "pek", "iad")
		if w.pass(); len(w.lineEvents()) > 0 {
			t.Fatalf("told again: %v", w.lineEvents())
		}
	}
	w.wait(11*time.Second, "fra", "iad")
	w.pass()
	delete(w.in.Reports, "pek") // a new leader, which never heard pek
	w.in.Geo = nil
	w.pass()
	if got := w.lineStatus(); got != "False/LineContradicted" {
		t.Errorf("while pek is silent: %q", got)
	}
	w.in.Geo = tableOfLines(t, map[string]gslb.Line{"192.0.2.0/24": "mobile"})
	w.run("fra", "pek", "iad")
	w.pass()
	if got := w.lineEvents(); len(got) != 1 || !strings.Contains(got[0], "192.0.2.1 on mobile") {
		t.Errorf("the geo data changed its mind: %v", got)
	}
	w.site("pek").Spec.Lines = []string{"mobile"}
	w.pass()
	if got := w.lineEvents(); !slices.Equal(got, []string{"Normal/LineConfirmed: the geo data has the site's addresses on mobile"}) {
		t.Errorf("mended: %v", got)
	}
}
