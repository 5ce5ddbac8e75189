package export

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb"
)

// Request is one annotated object and what is remembered of it.
type Request struct {
	// Key tells requests apart: "namespace/name" of the DomainExport.
	Key       string
	Namespace string
	// Service is the first label of the canonical name.
	Service string
	// Created is when the annotated object was made; of two new claims on a name the older object's wins.
	Created time.Time
	// Spec is the reading of the annotations, unless Refusal says why there is none.
	Spec    v1alpha1.DomainExportSpec
	Refusal *Refusal
	// Kept is the last accepted spec, without ports if there is none. Claims are the names it holds, Canonical is its
	// canonical name.
	Kept      v1alpha1.DomainExportSpec
	Claims    []v1alpha1.Claim
	Canonical gslb.Name
}

// Refusal is why a spec is not accepted: a reason of the condition Accepted, and a sentence.
type Refusal struct {
	Reason  string
	Message string
}

// Ruling is what comes of a request.
type Ruling struct {
	// Spec is in force: the new one if it was accepted, else the last accepted. Without ports nothing is in force.
	Spec      v1alpha1.DomainExportSpec
	Canonical gslb.Name
	// Aliases are the domains inside our zones that the export serves, Outside those of other zones.
	Aliases []gslb.Name
	Outside []gslb.Name
	Claims  []v1alpha1.Claim
	// Refusal is nil if the annotations were accepted.
	Refusal *Refusal
}

// InForce says whether there is something to serve.
func (r Ruling) InForce() bool { return len(r.Spec.Ports) > 0 }

// Plan rules on all requests at once, because names are shared. A name has one owner: who holds a claim on it keeps it,
// the oldest claim first; a free name goes to the oldest object that asks. A request that asks for another's name is
// refused: what it was accepted with before stays in force, and a new one gets the rest of its names.
//
// Domains outside our zones are not contested: whose they are, their CNAME says.
func Plan(requests []Request, zones Zones, now time.Time) map[string]Ruling {
	requests = slices.Clone(requests)
	slices.SortFunc(requests, func(a, b Request) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Key, b.Key))
	})
	t := table{zones: zones, now: now, owner: map[gslb.Name]string{}, namespaces: map[string]bool{}}
	t.hold(requests)
	rulings := make(map[string]Ruling, len(requests))
	for _, r := range requests {
		rulings[r.Key] = t.rule(r)
	}
	return rulings
}

// table says who owns each name while requests are ruled on.
type table struct {
	zones Zones
	now   time.Time
	owner map[gslb.Name]string // name -> Key
	// namespaces are those that have exports.
	namespaces map[string]bool
}

// hold enters the claims of accepted specs, the oldest first.
func (t *table) hold(requests []Request) {
	type held struct {
		key   string
		claim v1alpha1.Claim
	}
	var all []held
	for _, r := range requests {
		t.namespaces[r.Namespace] = true
		for _, c := range r.Claims {
			all = append(all, held{r.Key, c})
		}
	}
	slices.SortStableFunc(all, func(a, b held) int { return a.claim.Since.Compare(b.claim.Since.Time) })
	for _, h := range all {
		if name := gslb.Name(h.claim.Name); t.owner[name] == "" {
			t.owner[name] = h.key
		}
	}
}

func (t *table) rule(r Request) Ruling {
	if zone := t.missing(r); zone != "" {
		return t.keep(r, zone)
	}
	canonical, refusal := t.canonical(r)
	if refusal != nil {
		return t.settle(r, r.Kept, r.Canonical, r.refused(refusal))
	}
	if r.Refusal != nil {
		return t.settle(r, r.Kept, canonical, r.refused(r.Refusal))
	}
	conflicts := t.conflicts(r, append([]gslb.Name{canonical}, t.inside(r.Spec)...))
	if len(conflicts) == 0 {
		return t.settle(r, r.Spec, canonical, nil)
	}
	return t.contested(r, canonical, conflicts)
}

// contested rules on a request that asks for names of others. A new one gets the rest of its names; with the next pass that
// rest is what it was accepted with, and it must hear the same.
func (t *table) contested(r Request, canonical gslb.Name, conflicts map[gslb.Name]string) Ruling {
	rest := *r.Spec.DeepCopy()
	rest.Domains = slices.DeleteFunc(rest.Domains, func(d string) bool { return conflicts[gslb.Name(d)] != "" })
	fresh := len(r.Kept.Ports) == 0
	switch {
	case fresh && conflicts[canonical] != "":
		return t.settle(r, r.Kept, "", r.refused(conflict(conflicts, "rename the object")))
	case fresh || conflicts[canonical] == "" && equality.Semantic.DeepEqual(rest, r.Kept):
		return t.settle(r, rest, canonical, conflict(conflicts, "its other names are served"))
	}
	return t.settle(r, r.Kept, canonical, r.refused(conflict(conflicts, "choose other names")))
}

// refused adds to a refusal what is in force meanwhile. It need not have been accepted whole, see contested. Of a workload
// with another export that one says it.
func (r Request) refused(why *Refusal) *Refusal {
	then := "nothing is exported until then"
	switch {
	case why.Reason == v1alpha1.ReasonWorkloadConflict:
		return why
	case len(r.Kept.Ports) > 0:
		then = "the settings in force stay as they are until then"
	}
	return &Refusal{why.Reason, why.Message + "; " + then}
}

func (t *table) canonical(r Request) (gslb.Name, *Refusal) {
	if t.zones.Export == "" {
		return "", &Refusal{v1alpha1.ReasonNoExportZone, "no zone is marked for exports: create a Zone with spec.export true"}
	}
	name, err := t.zones.Canonical(r.Service, r.Namespace)
	if err != nil {
		return "", &Refusal{v1alpha1.ReasonInvalidName, err.Error()}
	}
	return name, nil
}

// inside lists the domains of a spec that are in our zones.
func (t *table) inside(spec v1alpha1.DomainExportSpec) []gslb.Name {
	var names []gslb.Name
	for _, d := range spec.Domains {
		if name := gslb.Name(d); t.zones.Contain(name) {
			names = append(names, name)
		}
	}
	return names
}

// conflicts maps each wanted name that is not the request's to have to why that is so.
func (t *table) conflicts(r Request, names []gslb.Name) map[gslb.Name]string {
	found := map[gslb.Name]string{}
	for _, name := range names {
		if why := t.taken(r, name); why != "" {
			found[name] = why
		}
	}
	return found
}

// taken is why a request cannot have a name, empty if it can. A name that somebody holds stays theirs, even if it becomes
// that of a namespace.
func (t *table) taken(r Request, name gslb.Name) string {
	if why := t.zones.taken(name, r.Namespace); why != "" {
		return why
	}
	switch owner := t.owner[name]; {
	case owner == r.Key:
		return ""
	case owner != "":
		return "belongs to " + owner
	}
	if namespace := t.zones.namespace(name); namespace != r.Namespace && t.namespaces[namespace] {
		return "is kept for namespace " + namespace
	}
	return ""
}

func conflict(conflicts map[gslb.Name]string, then string) *Refusal {
	var parts []string
	for name, why := range conflicts {
		parts = append(parts, string(name)+" "+why)
	}
	slices.Sort(parts)
	return &Refusal{v1alpha1.ReasonHostnameConflict, strings.Join(parts, ", ") + "; " + then}
}

// settle puts a spec in force: its names are claimed, as far as nobody else has them.
func (t *table) settle(r Request, spec v1alpha1.DomainExportSpec, canonical gslb.Name, refusal *Refusal) Ruling {
	ruling := Ruling{Spec: spec, Refusal: refusal}
	if !ruling.InForce() {
		ruling.Spec = v1alpha1.DomainExportSpec{Source: r.Spec.Source}
		return ruling
	}
	if canonical != "" && t.claim(r, canonical, &ruling) {
		ruling.Canonical = canonical
	}
	for _, d := range spec.Domains {
		name := gslb.Name(d)
		switch {
		case !t.zones.Contain(name):
			ruling.Outside = append(ruling.Outside, name)
		case name != canonical && t.claim(r, name, &ruling):
			ruling.Aliases = append(ruling.Aliases, name)
		}
	}
	return ruling
}

func (t *table) claim(r Request, name gslb.Name, ruling *Ruling) bool {
	if t.taken(r, name) != "" {
		return false
	}
	t.owner[name] = r.Key
	since := metav1.NewTime(t.now.Truncate(time.Second))
	for _, c := range r.Claims {
		if c.Name == string(name) {
			since = c.Since
		}
	}
	ruling.Claims = append(ruling.Claims, v1alpha1.Claim{Name: string(name), Since: since})
	return true
}
