package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Site is one serving location: a cluster with a load balancer in front.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=tidegate
// +kubebuilder:printcolumn:name=REGION,type=string,JSONPath=`.spec.region`
// +kubebuilder:printcolumn:name=CORDONED,type=boolean,priority=1,JSONPath=`.spec.cordoned`
// +kubebuilder:printcolumn:name=DRAINED,type=boolean,priority=1,JSONPath=`.spec.drained`
// +kubebuilder:printcolumn:name=REPORTING,type=string,JSONPath=`.status.conditions[?(@.type=="Reporting")].status`
// +kubebuilder:printcolumn:name=AGE,type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')",message="a site's name is one DNS label, such as fra"
type Site struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SiteSpec   `json:"spec"`
	Status SiteStatus `json:"status,omitempty"`
}

// SiteSpec is what the operator says about a site.
type SiteSpec struct {
	Location Location `json:"location"`
	// region is a word of the operator's own, such as eu or cn-north.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Region string `json:"region,omitempty"`
	// lines are the ISP lines that the site is reached by: telecom, unicom, mobile, edu, ..., or default. If there is
	// one, the site's addresses are of that line; else the line is looked up from the address.
	// +optional
	// +listType=set
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
	Lines []string `json:"lines,omitempty"`
	// accelerators are the kinds that the site's nodes have, such as nvidia-l4.
	// +optional
	// +listType=set
	Accelerators []string `json:"accelerators,omitempty"`
	// maxReplicas is the most replicas that the site runs, of all workloads together. Without it there is no limit.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`
	// cordoned: nothing new is placed here.
	// +optional
	Cordoned bool `json:"cordoned,omitempty"`
	// drained: no new clients are sent here, and nothing new is placed. What runs goes on.
	// +optional
	Drained bool `json:"drained,omitempty"`
}

// Location is a point on the earth in decimal degrees, written as strings: the API has no floating-point numbers.
type Location struct {
	// lat is the latitude, such as "50.11".
	// +kubebuilder:validation:Pattern=`^-?([0-8]?[0-9](\.[0-9]{1,6})?|90(\.0{1,6})?)$`
	Lat string `json:"lat"`
	// lon is the longitude, such as "8.68".
	// +kubebuilder:validation:Pattern=`^-?((1[0-7]|[0-9])?[0-9](\.[0-9]{1,6})?|180(\.0{1,6})?)$`
	Lon string `json:"lon"`
}

// SiteStatus is what the hub knows of a site.
type SiteStatus struct {
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastReport is when the site was last heard, to within half a minute: tidegate status knows it to the second.
	// +optional
	LastReport *metav1.Time `json:"lastReport,omitempty"`
	// workRevision is the newest work that the hub wrote for the site. It goes on counting over a bus with an empty disk.
	// +optional
	WorkRevision int64 `json:"workRevision,omitempty"`
}

// SiteList is a list of Sites.
//
// +kubebuilder:object:root=true
type SiteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Site `json:"items"`
}
