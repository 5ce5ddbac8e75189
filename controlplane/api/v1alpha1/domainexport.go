package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// DomainExport is an annotated workload under its names: what was accepted, where it runs, and whether the name servers
// serve it. The hub writes it whole; change the workload's annotations instead.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=dex,categories=tidegate
// +kubebuilder:printcolumn:name=HOST,type=string,JSONPath=`.status.canonicalName`
// +kubebuilder:printcolumn:name=STEERING,type=string,JSONPath=`.spec.steering.method`
// +kubebuilder:printcolumn:name=POLICY,type=string,priority=1,JSONPath=`.spec.steering.policy`
// +kubebuilder:printcolumn:name=SITES,type=string,JSONPath=`.status.readySites`
// +kubebuilder:printcolumn:name=READY,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name=REASON,type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name=MAP,type=integer,priority=1,JSONPath=`.status.mapGeneration`
// +kubebuilder:printcolumn:name=AGE,type=date,JSONPath=`.metadata.creationTimestamp`
type DomainExport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   DomainExportSpec   `json:"spec"`
	Status DomainExportStatus `json:"status,omitempty"`
}

// DomainExportSpec is the last accepted reading of the annotations. Wrong ones leave it as it is.
type DomainExportSpec struct {
	// source is the object that carries the annotations.
	Source ObjectReference `json:"source"`
	// workload runs the replicas; it differs from source if that is a Service.
	// +optional
	Workload ObjectReference `json:"workload,omitzero"`
	// domains are further names for the service, beside its canonical one.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=254
	Domains []string `json:"domains,omitempty"`
	// ports are what clients connect to, and where the pods serve. Empty: nothing was accepted yet.
	// +optional
	// +listType=map
	// +listMapKey=listen
	// +kubebuilder:validation:MaxItems=32
	Ports []Port `json:"ports,omitempty"`
	// capacity is what one ready replica can carry. Without it every ready replica counts 1 request per second, which
	// is good for comparing sites and for nothing else.
	// +optional
	Capacity *Capacity `json:"capacity,omitempty"`
	// +optional
	Steering Steering `json:"steering,omitzero"`
	// placement is "spread" or the name of an EdgePlacement of the namespace.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Placement string `json:"placement,omitempty"`
	// model is the model that the workload serves.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Model string `json:"model,omitempty"`
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	TTLSeconds int32 `json:"ttlSeconds,omitempty"`
	// +optional
	Health *Health `json:"health,omitempty"`
}

// ObjectReference names an object of the DomainExport's namespace.
type ObjectReference struct {
	// +kubebuilder:validation:Enum=Deployment;StatefulSet;Service
	Kind string `json:"kind"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// +optional
	UID types.UID `json:"uid,omitempty"`
}

// Port is one exported port.
type Port struct {
	// listen is the port that clients connect to.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Listen int32 `json:"listen"`
	// target is the port that the pods serve on.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Target int32 `json:"target"`
	// +kubebuilder:validation:Enum=http;tcp
	Protocol string `json:"protocol"`
}

// Capacity is what one ready replica can carry.
type Capacity struct {
	// requestsPerSecond has at most three decimals.
	RequestsPerSecond resource.Quantity `json:"requestsPerSecond"`
	// byAccelerator is the same for a replica on a node with that accelerator.
	// +optional
	ByAccelerator map[string]resource.Quantity `json:"byAccelerator,omitempty"`
}

// Steering says how clients are led to sites: the settings in force, wherever they came from.
type Steering struct {
	// policy is the SteeringPolicy of the namespace that they were taken from, with the annotations that win over it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Policy string `json:"policy,omitempty"`

	SteeringPolicySpec `json:",inline"`
}

// Watermarks are load levels in percent of the capacity: at low a site begins to shed, at high it takes nobody new.
//
// +kubebuilder:validation:XValidation:rule="self.low < self.high",message="low must be below high"
type Watermarks struct {
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Low int32 `json:"low"`
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	High int32 `json:"high"`
}

// Health says how endpoints are probed, every second.
//
// +kubebuilder:validation:XValidation:rule="has(self.path) == (self.type == 'http' || self.type == 'https')",message="an http or https probe needs a path, the others have none"
// +kubebuilder:validation:XValidation:rule="!has(self.match) || has(self.path)",message="only an http or https probe matches a text"
type Health struct {
	// +kubebuilder:validation:Enum=http;https;tcp;grpc
	Type string `json:"type"`
	// +optional
	// +kubebuilder:validation:Pattern=`^/[^ ]*$`
	Path string `json:"path,omitempty"`
	// match is a text that the first 5,120 bytes of the answer must have.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Match string `json:"match,omitempty"`
}

// DomainExportStatus is what the hub knows of the export. It is its memory as well: after a restart, or while a site is
// silent, the last known addresses and replicas stand.
type DomainExportStatus struct {
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// canonicalName is <service>.<namespace>.<export zone>; a domain outside our zones is CNAMEd there.
	// +optional
	CanonicalName string `json:"canonicalName,omitempty"`
	// claims are the names that this workload owns, each since it was first accepted. The oldest claim wins.
	// +optional
	// +listType=map
	// +listMapKey=name
	Claims []Claim `json:"claims,omitempty"`
	// sites is where the workload runs, or last ran.
	// +optional
	// +listType=map
	// +listMapKey=site
	Sites []ExportSite `json:"sites,omitempty"`
	// readySites is "ready/used", for people.
	// +optional
	ReadySites string `json:"readySites,omitempty"`
	// desiredReplicas is what the owner wants, unschedulableReplicas how many of them found no site.
	// +optional
	DesiredReplicas int32 `json:"desiredReplicas,omitempty"`
	// +optional
	ReadyReplicas int32 `json:"readyReplicas,omitempty"`
	// +optional
	UnschedulableReplicas int32 `json:"unschedulableReplicas,omitempty"`
	// placement says for each site why it got what it got.
	// +optional
	Placement string `json:"placement,omitempty"`
	// unsupported lists what the pods refer to and sites do not get yet.
	// +optional
	// +listType=set
	Unsupported []string `json:"unsupported,omitempty"`
	// mapGeneration is the first map that serves the current spec.
	// +optional
	MapGeneration int64 `json:"mapGeneration,omitempty"`
}

// Claim is a name and since when it is the workload's.
type Claim struct {
	Name string `json:"name"`
	// +optional
	Since metav1.Time `json:"since,omitzero"`
}

// ExportSite is a workload at one site.
type ExportSite struct {
	Site            string `json:"site"`
	DesiredReplicas int32  `json:"desiredReplicas"`
	ReadyReplicas   int32  `json:"readyReplicas"`
	// accelerators counts the ready replicas by accelerator of their node.
	// +optional
	Accelerators map[string]int32 `json:"accelerators,omitempty"`
	// +optional
	// +listType=set
	Addresses []string `json:"addresses,omitempty"`
	// capacity is in requests per second: ready replicas times the capacity of one.
	// +optional
	Capacity resource.Quantity `json:"capacity,omitempty"`
	// message is why the site could not apply or serve the workload.
	// +optional
	Message string `json:"message,omitempty"`
}

// DomainExportList is a list of DomainExports.
//
// +kubebuilder:object:root=true
type DomainExportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DomainExport `json:"items"`
}
