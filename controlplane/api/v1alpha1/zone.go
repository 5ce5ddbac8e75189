package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Zone is a zone that the name servers are authoritative for. The object's name is the zone's, without the final dot.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=tidegate
// +kubebuilder:printcolumn:name=EXPORT,type=boolean,JSONPath=`.spec.export`
// +kubebuilder:printcolumn:name=NAMESERVERS,type=string,JSONPath=`.spec.nameservers[*].name`
// +kubebuilder:printcolumn:name=ACCEPTED,type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name=AGE,type=date,JSONPath=`.metadata.creationTimestamp`
type Zone struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ZoneSpec   `json:"spec"`
	Status ZoneStatus `json:"status,omitempty"`
}

// ZoneSpec is what the operator says about a zone.
type ZoneSpec struct {
	// nameservers are what the parent zone delegates to.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=13
	Nameservers []Nameserver `json:"nameservers"`
	// export marks the zone of the canonical names <service>.<namespace>.<zone>. Of several the oldest is taken.
	// +optional
	Export bool `json:"export,omitempty"`
	// apexNamespace is the namespace whose objects may have the zone's own name as a domain. Without it nobody may.
	// +optional
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`
	ApexNamespace string `json:"apexNamespace,omitempty"`
	// records are static records beside the exported names, one line of a zone file each, such as
	// "www 300 IN A 192.0.2.80". Names without a final dot are relative to the zone.
	// +optional
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MaxLength=4096
	Records []string `json:"records,omitempty"`
}

// Nameserver is one name server of a zone.
type Nameserver struct {
	// name is absolute, with or without its final dot.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	Name string `json:"name"`
	// addresses are served as glue if the name is inside the zone.
	// +optional
	// +listType=set
	Addresses []string `json:"addresses,omitempty"`
}

// ZoneStatus is what the hub made of a zone.
type ZoneStatus struct {
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ZoneList is a list of Zones.
//
// +kubebuilder:object:root=true
type ZoneList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Zone `json:"items"`
}
