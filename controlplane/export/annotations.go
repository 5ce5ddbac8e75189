package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
)

// The annotations that a workload or Service may carry.
const (
	AnnotationDomain     = "tidegate.dev/domain"
	AnnotationPort       = "tidegate.dev/port"
	AnnotationCapacity   = "tidegate.dev/capacity"
	AnnotationSteering   = "tidegate.dev/steering"
	AnnotationPlacement  = "tidegate.dev/placement"
	AnnotationModel      = "tidegate.dev/model"
	AnnotationTTL        = "tidegate.dev/ttl"
	AnnotationWatermarks = "tidegate.dev/watermarks"
	AnnotationHealth     = "tidegate.dev/health"
	// AnnotationStatus is what Tidegate writes back; it is not read.
	AnnotationStatus = "tidegate.dev/status"
	// AnnotationHostname is external-dns' own, honoured so that a Service written for it needs no change: it means what
	// AnnotationDomain means, names with commas, but on a Service only, and not beside AnnotationDomain, which wins. The
	// Service must select one Deployment or StatefulSet (RefuseService).
	AnnotationHostname = "external-dns.alpha.kubernetes.io/hostname"
)

// Prefix begins every annotation and label of Tidegate.
const Prefix = v1alpha1.GroupName + "/"

var known = []string{AnnotationDomain, AnnotationPort, AnnotationCapacity, AnnotationSteering, AnnotationPlacement,
	AnnotationModel, AnnotationTTL, AnnotationWatermarks, AnnotationHealth}

// AnnotationError is one wrong annotation.
type AnnotationError struct {
	Annotation string
	Value      string
	// Want says what is allowed.
	Want string
}

func (e *AnnotationError) Error() string {
	return fmt.Sprintf("annotation %s: %q is wrong: want %s", e.Annotation, e.Value, e.Want)
}

// Source is an annotated object, as far as Read needs it.
type Source struct {
	Object      v1alpha1.ObjectReference
	Workload    v1alpha1.ObjectReference
	Annotations map[string]string
	// Ports are those that the object itself declares: they are exported where the annotation does not name others.
	Ports []v1alpha1.Port
	// Uncarried are ports of the object that are not of TCP, such as "53/UDP": its owner shall say that they stay behind, by
	// naming the others in the annotation.
	Uncarried []string
}

// Annotated says whether an object of that kind asks for an export.
func Annotated(kind string, annotations map[string]string) bool {
	for key := range annotations {
		if strings.HasPrefix(key, Prefix) && key != AnnotationStatus {
			return true
		}
	}
	return kind == "Service" && annotations[AnnotationHostname] != ""
}

// Read turns annotations into a spec, with the defaults filled in. The error joins an AnnotationError for each wrong
// value; the spec is then good for nothing.
func Read(s Source) (v1alpha1.DomainExportSpec, error) {
	r := reader{annotations: s.Annotations}
	spec := v1alpha1.DomainExportSpec{
		Source:     s.Object,
		Workload:   s.Workload,
		Domains:    r.domains(s.Object.Kind),
		Ports:      r.ports(s.Ports, s.Uncarried),
		Capacity:   r.capacity(),
		Steering:   r.steering(),
		Placement:  r.placement(),
		Model:      r.model(),
		TTLSeconds: r.ttlSeconds(),
		Health:     r.health(),
	}
	r.unknown()
	return spec, errors.Join(r.problems...)
}

// reader collects what is wrong while it reads one annotation after the other.
type reader struct {
	annotations map[string]string
	problems    []error
}

// value is the annotation's value without surrounding space; ok is false if there is none.
func (r *reader) value(annotation string) (string, bool) {
	v, ok := r.annotations[annotation]
	return strings.TrimSpace(v), ok
}

func (r *reader) fail(annotation, value, want string) {
	r.problems = append(r.problems, &AnnotationError{Annotation: annotation, Value: value, Want: want})
}

// unknown refuses annotations under our prefix that mean nothing: most are a slip of the pen.
func (r *reader) unknown() {
	var odd []string
	for key := range r.annotations {
		if strings.HasPrefix(key, Prefix) && key != AnnotationStatus && !slices.Contains(known, key) {
			odd = append(odd, key)
		}
	}
	slices.Sort(odd)
	for _, key := range odd {
		r.fail(key, r.annotations[key], "no such annotation; there are "+strings.Join(known, ", "))
	}
}
