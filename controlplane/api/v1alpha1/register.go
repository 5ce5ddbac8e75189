package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group, and the prefix of Tidegate's annotations and labels.
const GroupName = "tidegate.dev"

// GroupVersion is the group and version of the types here.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

// SchemeBuilder collects what AddToScheme adds. AddToScheme makes the types known to a scheme.
var (
	SchemeBuilder = runtime.NewSchemeBuilder(addTypes)
	AddToScheme   = SchemeBuilder.AddToScheme
)

func addTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&DomainExport{}, &DomainExportList{},
		&EdgePlacement{}, &EdgePlacementList{},
		&Site{}, &SiteList{},
		&SteeringPolicy{}, &SteeringPolicyList{},
		&TrafficShift{}, &TrafficShiftList{},
		&Zone{}, &ZoneList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
