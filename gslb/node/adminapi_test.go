package node

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
)

func get(r *rig, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.AdminHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestExplainAPI(t *testing.T) {
	r := start(t, "")
	defer r.stop()
	if w := get(r, "/v1/explain?name=chat.edge.example&client=84.128.0.1"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "no map yet") {
		t.Errorf("without a map: %d %s", w.Code, w.Body)
	}
	if err := r.offer(1, mapOf(1, 2)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"name=chat.edge.example&client=nobody":             `client "nobody" is neither an address`,
		"name=chat.edge.example":                           `client "" is neither`,
		"name=other.edge.example&client=84.128.0.1":        "other.edge.example. is not a steered name of generation 1",
		"name=&client=84.128.0.1":                          "not a host name",
		"name=chat.edge.example&client=84.128.0.1&type=MX": `type "MX" is not steered: want A or AAAA`,
		"name=chat.edge.example&client=84.128.0.1/33":      "is neither an address",
	} {
		w := get(r, "/v1/explain?"+path)
		var answer struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusBadRequest || !strings.Contains(answer.Error, want) {
			t.Errorf("%s: %d %q, %v; want %q", path, w.Code, answer.Error, err, want)
		}
	}
	for path, want := range map[string]string{
		"client=84.128.7.9":        "answered",
		"client=84.128.0.0/12":     "answered",
		"client=2003::1&type=AAAA": "no data of this family",
		"client=84.128.7.9&type=A": "answered",
	} {
		w := get(r, "/v1/explain?name=CHAT.edge.example&"+path)
		var trace steer.Trace
		if err := json.Unmarshal(w.Body.Bytes(), &trace); w.Code != http.StatusOK || err != nil || trace.Outcome != want || trace.Generation != 1 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if trace.FromECS != strings.Contains(path, "/12") {
			t.Errorf("%s: from ECS is %v", path, trace.FromECS)
		}
	}
}

func TestStatusAPI(t *testing.T) {
	r := start(t, "")
	defer r.stop()
	if err := r.offer(4, mapOf(2, 3)); err != nil {
		t.Fatal(err)
	}
	var status Status
	w := get(r, "/v1/status")
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil || status.Generation != 4 || status.Sites != 3 || status.Services != 2 {
		t.Errorf("%s, %v", w.Body, err)
	}
}

// A map that was planned with another geo table is served, and the status says what of it does not fit.
func TestStatusCountsUnknownSplits(t *testing.T) {
	r := start(t, "")
	defer r.stop()
	m := mapOf(1, 2)
	whole := []plan.SiteShare{{Site: "s01", Share: gslb.WholeShare}}
	m.Services[0].Splits = []plan.Split{{Class: "0000000000000001", Shares: whole}, {Class: "0000000000000002", Shares: whole}}
	if err := r.offer(1, m); err != nil {
		t.Fatal(err)
	}
	if got := r.Status().UnknownSplits; got != 2 {
		t.Errorf("%d unknown splits, want 2", got)
	}
}
