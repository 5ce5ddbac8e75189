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
// +kubebuilder:printcolumn:name=FORCED,type=string,priority=1,JSONPath=`.spec.forced.state`
// +kubebuilder:printcolumn:name=REPORTING,type=string,JSONPath=`.status.conditions[?(@.type=="Reporting")].status`
// +kubebuilder:printcolumn:name=HEALTHY,type=string,JSONPath=`.status.conditions[?(@.type=="Healthy")].status`
// +kubebuilder:printcolumn:name=AGE,type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')",message="a site's name is one DNS label, such as fra"
type Site struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SiteSpec   `json:"spec"`
	Status SiteStatus `json:"status,omitempty"`
}

// SiteSpec is what the operator says about a site.
//
// +kubebuilder:validation:XValidation:rule="!has(self.drainBy) || (has(self.drained) && self.drained)",message="drainBy is the deadline of a drain: set drained as well, or take both away"
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
	// cordoned: the site keeps the workloads and the clients that it has, and gets neither new workloads nor more clients.
	// +optional
	Cordoned bool `json:"cordoned,omitempty"`
	// drained: no new clients are sent here, and nothing new is placed. What runs goes on. It stays so until it is taken back.
	// +optional
	Drained bool `json:"drained,omitempty"`
	// drainBy is by when the site must be without clients. The condition Drained tells when it is, and whether it is late.
	// +optional
	DrainBy *metav1.Time `json:"drainBy,omitempty"`
	// +optional
	Forced *ForcedHealth `json:"forced,omitempty"`
}

// ForcedHealth is an operator's word on a site's health. It stands above all that is measured, which goes on underneath.
type ForcedHealth struct {
	// state is down: no clients are sent here, and nothing new is placed, whatever probes say; or up: clients are sent here
	// though probes fail. Replicas that are not ready have no capacity all the same.
	// +kubebuilder:validation:Enum=up;down
	State string `json:"state"`
	// until is when it ends by itself. Without it, when it is taken back.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// reason is why, for those who find it later.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`
	// by is who says so.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	By string `json:"by,omitempty"`
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
	// +optional
	Health *SiteHealth `json:"health,omitempty"`
	// lastReport is when the site was last heard, to within half a minute: tidegate status knows it to the second.
	// +optional
	LastReport *metav1.Time `json:"lastReport,omitempty"`
	// workRevision is the newest work that the hub wrote for the site. It goes on counting over a bus with an empty disk.
	// +optional
	WorkRevision int64 `json:"workRevision,omitempty"`
}

// SiteHealth is whether a site counts as up, and who decided that.
type SiteHealth struct {
	// state is what counts, up or down; by is who decided: operator or measured.
	State string `json:"state"`
	By    string `json:"by"`
	// measured is what was found without the operator's word: up, down, or mixed where the site's services differ. It is
	// unknown while no service with a choice of sites is here.
	Measured string `json:"measured"`
	// forced is the operator's word while it stands.
	// +optional
	Forced string `json:"forced,omitempty"`
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
}

// SiteList is a list of Sites.
//
// +kubebuilder:object:root=true
type SiteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Site `json:"items"`
}
