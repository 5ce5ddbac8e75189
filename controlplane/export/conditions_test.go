package export_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb"
)

// good are the facts of an export that is served everywhere.
func good() export.Facts {
	r := request("shop", "chat", 0, "chat.edge.example.", "chat.example.com.")
	return export.Facts{
		Ruling:   export.Plan([]export.Request{r}, zones, day)["shop/chat"],
		Verified: map[gslb.Name]bool{"chat.example.com.": true}, Addressed: true, MapGeneration: 7,
		Servers: []export.Server{{Name: "ns1", Generation: 7}, {Name: "ns2", Generation: 9}}, ReadyReplicas: 2,
	}
}

// line writes conditions as "Accepted=True/Accepted Verified=...".
func line(conditions []metav1.Condition) string {
	var parts []string
	for _, c := range conditions {
		parts = append(parts, c.Type+"="+string(c.Status)+"/"+c.Reason)
	}
	return strings.Join(parts, " ")
}

func TestConditions(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*export.Facts)
		want    string
		message string
	}{
		{"served", func(*export.Facts) {},
			"Accepted=True/Accepted Verified=True/CNAMEFound Programmed=True/Programmed Ready=True/Ready", "chat.shop.edge.example. is served"},
		{"its record was found", func(*export.Facts) {},
			"Accepted=True/Accepted Verified=True/CNAMEFound Programmed=True/Programmed Ready=True/Ready",
			"found: chat.example.com. CNAME chat.shop.edge.example."},
		{"no domain elsewhere", func(f *export.Facts) { f.Ruling.Outside = nil },
			"Accepted=True/Accepted Verified=True/Verified Programmed=True/Programmed Ready=True/Ready", "every domain is in our zones"},
		{"a domain elsewhere", func(f *export.Facts) { f.Verified = nil },
			"Accepted=True/Accepted Verified=False/AwaitingCNAME Programmed=True/Programmed Ready=True/Ready",
			"chat.example.com. CNAME chat.shop.edge.example."},
		{"one name server behind", func(f *export.Facts) { f.Servers[0].Generation = 6 },
			"Accepted=True/Accepted Verified=True/CNAMEFound Programmed=False/AwaitingNameServers Ready=False/NotProgrammed", "map 7 is awaited at ns1"},
		{"one refused the map", func(f *export.Facts) { f.Servers[0] = export.Server{Name: "ns1", Generation: 6, Refused: "too fast"} },
			"Accepted=True/Accepted Verified=True/CNAMEFound Programmed=False/AwaitingNameServers Ready=False/NotProgrammed", "ns1 (refused: too fast)"},
		{"no name server", func(f *export.Facts) { f.Servers = nil },
			"Accepted=True/Accepted Verified=True/CNAMEFound Programmed=False/NoNameServers Ready=False/NotProgrammed", ""},
		{"not published", func(f *export.Facts) { f.MapGeneration = 0 },
			"Accepted=True/Accepted Verified=True/CNAMEFound Programmed=False/NotPublished Ready=False/NotProgrammed", ""},
		{"no address", func(f *export.Facts) { f.Addressed, f.ReadyReplicas, f.Problem = false, 0, "the sites are full" },
			"Accepted=True/Accepted Verified=True/CNAMEFound Programmed=False/NoAddresses Ready=False/NoReadyReplicas", "the sites are full"},
		{"asleep", func(f *export.Facts) { f.Asleep, f.ReadyReplicas = true, 0 },
			"Accepted=True/Accepted Verified=True/CNAMEFound Programmed=True/Programmed Ready=False/Asleep", ""},
		{"nothing accepted", func(f *export.Facts) {
			f.Ruling = export.Ruling{Refusal: &export.Refusal{Reason: v1alpha1.ReasonInvalidAnnotation, Message: "annotation x"}}
		}, "Accepted=False/InvalidAnnotation Verified=Unknown/NotAccepted Programmed=False/NotPublished Ready=False/NotProgrammed", "annotation x"},
		{"a wrong change", func(f *export.Facts) {
			f.Ruling.Refusal = &export.Refusal{Reason: v1alpha1.ReasonHostnameConflict, Message: "y"}
		}, "Accepted=False/HostnameConflict Verified=True/CNAMEFound Programmed=True/Programmed Ready=True/Ready", "y"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := good()
			test.change(&f)
			conditions := export.Conditions(f)
			if got := line(conditions); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			messages := ""
			for _, c := range conditions {
				messages += c.Message + "\n"
			}
			if !strings.Contains(messages, test.message) {
				t.Errorf("messages %q lack %q", messages, test.message)
			}
		})
	}
}

func TestTransition(t *testing.T) {
	later := day.Add(time.Hour)
	first, changed := export.Transition(nil, export.Conditions(good()), 1, day)
	if len(changed) != 4 {
		t.Errorf("at first %s changed", line(changed))
	}
	same, changed := export.Transition(first, export.Conditions(good()), 2, later)
	if len(changed) != 0 || !same[0].LastTransitionTime.Time.Equal(day) || same[0].ObservedGeneration != 2 {
		t.Errorf("without a change: %s, %+v", line(changed), same[0])
	}
	facts := good()
	facts.Verified = nil
	next, changed := export.Transition(first, export.Conditions(facts), 1, later)
	if line(changed) != "Verified=False/AwaitingCNAME" || !next[1].LastTransitionTime.Time.Equal(later) {
		t.Errorf("changed %s, %+v", line(changed), next[1])
	}
}
