package hub

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// glueTTL is that of the addresses of name servers.
const glueTTL = 3600

// zone is a Zone and what becomes of it.
type zone struct {
	object *v1alpha1.Zone
	name   gslb.Name
	// entry is nil if the zone is wrong and was never right.
	entry *plan.Zone
	err   error
}

type zoneTable struct {
	now  time.Time
	list []zone
	// gone are the zones of the map that is served and that have no object any more.
	gone []plan.Zone
	// export is the Zone of the canonical names, nil if there is none.
	export *v1alpha1.Zone
	events []Event
}

// newZoneTable reads the zones. One that is wrong is served as it was.
func newZoneTable(in Inputs) *zoneTable {
	t := &zoneTable{now: in.Now}
	for _, object := range byName(in.Zones) {
		z := zone{object: object}
		entry, err := readZone(object)
		if err == nil {
			z.name, z.entry = entry.Name, &entry
		} else {
			z.err = err
			z.keep(in.Current)
		}
		t.list = append(t.list, z)
	}
	t.findExport()
	t.findGone(in.Current)
	return t
}

// findExport takes the oldest zone that is marked for exports.
func (t *zoneTable) findExport() {
	for _, z := range t.list {
		if z.entry != nil && z.object.Spec.Export &&
			(t.export == nil || z.object.CreationTimestamp.Before(&t.export.CreationTimestamp)) {
			t.export = z.object
		}
	}
}

func (t *zoneTable) findGone(current *plan.Map) {
	if current == nil {
		return
	}
	for _, before := range current.Zones {
		if !slices.ContainsFunc(t.list, func(z zone) bool { return z.object.Name+"." == string(before.Name) }) {
			t.gone = append(t.gone, before)
		}
	}
}

func (z *zone) keep(current *plan.Map) {
	if current == nil {
		return
	}
	for _, before := range current.Zones {
		if string(before.Name) == z.object.Name+"." {
			z.name, z.entry = before.Name, &before
		}
	}
}

func readZone(object *v1alpha1.Zone) (plan.Zone, error) {
	name, err := gslb.ParseName(object.Name)
	if err != nil {
		return plan.Zone{}, fmt.Errorf("metadata.name: %w", err)
	}
	z := plan.Zone{Name: name}
	for i, ns := range object.Spec.Nameservers {
		host, err := gslb.ParseName(ns.Name)
		if err != nil {
			return plan.Zone{}, fmt.Errorf("spec.nameservers[%d].name: %w", i, err)
		}
		z.Nameservers = append(z.Nameservers, host)
		glue, err := glueRecords(name, host, ns.Addresses)
		if err != nil {
			return plan.Zone{}, fmt.Errorf("spec.nameservers[%d].addresses: %w", i, err)
		}
		z.Records = append(z.Records, glue...)
	}
	for i, line := range object.Spec.Records {
		record, err := readRecord(line, name, fmt.Sprintf("spec.records[%d]", i))
		if err != nil {
			return plan.Zone{}, err
		}
		z.Records = append(z.Records, record)
	}
	return z, checkGlue(z)
}

// errNoGlue is why a zone whose delegation leads nowhere is not taken.
var errNoGlue = errors.New("it is inside the zone and has no address")

// checkGlue asks for an address of every name server inside the zone: nobody else can know it.
func checkGlue(z plan.Zone) error {
	addressed := map[gslb.Name]bool{}
	for _, line := range z.Records {
		if rr, err := plan.ParseRecord(z.Name, line); err == nil && (rr.Header().Rrtype == dns.TypeA || rr.Header().Rrtype == dns.TypeAAAA) {
			addressed[gslb.Name(dns.CanonicalName(rr.Header().Name))] = true
		}
	}
	for _, ns := range z.Nameservers {
		if ns.Under(z.Name) && !addressed[ns] {
			return fmt.Errorf("name server %s: %w: give it addresses in spec.nameservers, or an A or AAAA record in spec.records", ns, errNoGlue)
		}
	}
	return nil
}

func glueRecords(zone, host gslb.Name, addresses []string) ([]string, error) {
	var records []string
	for _, s := range addresses {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return nil, err
		}
		if !host.Under(zone) {
			continue
		}
		kind := "AAAA"
		if addr.Unmap().Is4() {
			kind = "A"
		}
		records = append(records, fmt.Sprintf("%s\t%d\tIN\t%s\t%s", host, glueTTL, kind, addr.Unmap()))
	}
	return records, nil
}

// readRecord reads one line of a zone file and writes it with absolute names.
func readRecord(line string, zone gslb.Name, where string) (string, error) {
	records, err := plan.ParseRecords(zone, line+"\n", where)
	if err != nil {
		return "", err
	}
	if len(records) != 1 {
		return "", fmt.Errorf("%s: %q holds %d records: want one, such as www 300 IN A 192.0.2.80", where, line, len(records))
	}
	return records[0], nil
}

// mapZones are the zones for the map.
func (t *zoneTable) mapZones() []plan.Zone {
	var list []plan.Zone
	for _, z := range t.list {
		if z.entry != nil {
			list = append(list, *z.entry)
		}
	}
	return list
}

// names are the zones as the exports see them.
func (t *zoneTable) names() export.Zones {
	names := export.Zones{Taken: map[gslb.Name]string{}, Apex: map[gslb.Name]string{}}
	for _, z := range t.list {
		if z.entry == nil {
			continue
		}
		names.Names = append(names.Names, z.name)
		names.Apex[z.name] = z.object.Spec.ApexNamespace
		if z.object == t.export {
			names.Export = z.name
		}
		takenNames(names.Taken, z.entry)
	}
	for _, z := range t.gone {
		names.Gone = append(names.Gone, z.Name)
	}
	return names
}

// takenNames enters the names that a zone uses itself. Its apex has a rule of its own.
func takenNames(taken map[gslb.Name]string, z *plan.Zone) {
	what := "zone " + string(z.Name)
	for _, ns := range z.Nameservers {
		taken[ns] = what
	}
	for _, record := range z.Records {
		owner, _, _ := strings.Cut(record, "\t")
		if name := gslb.Name(strings.ToLower(owner)); name != z.Name {
			taken[name] = what
		}
	}
}

func (t *zoneTable) accepted(z zone) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, Message: "in the map"}
	switch {
	case errors.Is(z.err, errNoGlue):
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonNoGlue, z.err.Error()
	case z.err != nil:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonInvalidZone, z.err.Error()
	case z.object.Spec.Export && z.object != t.export:
		c.Reason = v1alpha1.ReasonExportIgnored
		c.Message = fmt.Sprintf("in the map; spec.export is ignored, since Zone %s has it and is older: canonical names are in that one", t.export.Name)
	}
	return c
}

// writes lists the zones whose status changes.
func (t *zoneTable) writes() []*v1alpha1.Zone {
	var list []*v1alpha1.Zone
	for _, z := range t.list {
		c := t.accepted(z)
		wanted := z.object.DeepCopy()
		var changed []metav1.Condition
		wanted.Status.Conditions, changed = export.Transition(z.object.Status.Conditions, []metav1.Condition{c},
			z.object.Generation, t.now)
		for _, c := range changed {
			ref := corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Zone", Name: z.object.Name, UID: z.object.UID}
			t.events = append(t.events, conditionEvent(ref, c))
		}
		if !equality.Semantic.DeepEqual(wanted.Status, z.object.Status) {
			list = append(list, wanted)
		}
	}
	return list
}
