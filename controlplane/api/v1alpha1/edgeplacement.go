package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EdgePlacement says where workloads may run. A workload names it in its annotation tidegate.dev/placement.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=epl,categories=tidegate
// +kubebuilder:printcolumn:name=REGIONS,type=string,JSONPath=`.spec.regions`
// +kubebuilder:printcolumn:name=LINES,type=string,JSONPath=`.spec.lines`
// +kubebuilder:printcolumn:name=AGE,type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name != 'spread'",message="spread is the built-in placement: choose another name"
type EdgePlacement struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec EdgePlacementSpec `json:"spec"`
}

// EdgePlacementSpec narrows the sites. What is empty allows every site; a site must pass all that is not.
type EdgePlacementSpec struct {
	// siteSelector matches the labels of Sites.
	// +optional
	SiteSelector *metav1.LabelSelector `json:"siteSelector,omitempty"`
	// sites lists sites by name. For failover steering their order is the order of preference.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	Sites []string `json:"sites,omitempty"`
	// regions: the site is in one of them.
	// +optional
	// +listType=set
	Regions []string `json:"regions,omitempty"`
	// lines: the site has one of them.
	// +optional
	// +listType=set
	Lines []string `json:"lines,omitempty"`
	// accelerators: the site has one of them, such as nvidia-l4.
	// +optional
	// +listType=set
	Accelerators []string `json:"accelerators,omitempty"`
	// +optional
	Spread *Spread `json:"spread,omitempty"`
}

// Spread bounds the number of sites.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minSites) || !has(self.maxSites) || self.minSites <= self.maxSites",message="minSites must not be above maxSites"
type Spread struct {
	// +optional
	// +kubebuilder:validation:Minimum=1
	MinSites int32 `json:"minSites,omitempty"`
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxSites int32 `json:"maxSites,omitempty"`
}

// EdgePlacementList is a list of EdgePlacements.
//
// +kubebuilder:object:root=true
type EdgePlacementList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EdgePlacement `json:"items"`
}
