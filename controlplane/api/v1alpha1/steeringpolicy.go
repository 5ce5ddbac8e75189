package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SteeringPolicy says how clients are led to the sites of a service, and what they get when none is healthy. A workload of its
// namespace names it in its annotation tidegate.dev/steering.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=stp,categories=tidegate
// +kubebuilder:printcolumn:name=METHOD,type=string,JSONPath=`.spec.method`
// +kubebuilder:printcolumn:name=UNHEALTHY,type=string,JSONPath=`.spec.onAllUnhealthy`
// +kubebuilder:printcolumn:name=ACCEPTED,type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name=REASON,type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Accepted")].reason`
// +kubebuilder:printcolumn:name=AGE,type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="!(self.metadata.name in ['proximity', 'weighted', 'failover'])",message="proximity, weighted and failover are built in: choose another name"
type SteeringPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SteeringPolicySpec   `json:"spec"`
	Status SteeringPolicyStatus `json:"status,omitempty"`
}

// SteeringPolicySpec has the fields of the world file's steering block, by the same names.
//
// +kubebuilder:validation:XValidation:rule="has(self.fallback) == (has(self.onAllUnhealthy) && self.onAllUnhealthy == 'fallback')",message="fallback has addresses exactly where onAllUnhealthy is fallback"
// +kubebuilder:validation:XValidation:rule="!has(self.method) || self.method == 'proximity' || !(has(self.minSites) || has(self.connectionLife) || has(self.calmTTL) || has(self.gain) || has(self.costs))",message="minSites, connectionLife, calmTTL, gain and costs need method proximity: with another one no control loop runs"
// +kubebuilder:validation:XValidation:rule="!has(self.method) || self.method == 'proximity' || !has(self.near)",message="near needs method proximity: with another one no site is nearer than another"
type SteeringPolicySpec struct {
	// method: proximity takes the nearest site, weighted goes by capacity among all, failover takes the first site that is
	// up, in the order of the placement.
	// +optional
	// +kubebuilder:default=proximity
	// +kubebuilder:validation:Enum=proximity;weighted;failover
	Method string `json:"method,omitempty"`
	// watermarks are those of services without the annotation tidegate.dev/watermarks.
	// +optional
	Watermarks *Watermarks `json:"watermarks,omitempty"`
	// onAllUnhealthy is what answers when no site is healthy: all, the default, every site as if it were up; last-good, the
	// sites that were the last to be healthy; fallback, the addresses below; servfail, nobody, so that resolvers try
	// elsewhere.
	// +optional
	// +kubebuilder:validation:Enum=all;last-good;fallback;servfail
	OnAllUnhealthy string `json:"onAllUnhealthy,omitempty"`
	// fallback are the IPv4 and IPv6 addresses that answer when no site is healthy, such as those of a page that says so.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=45
	// +kubebuilder:validation:items:Pattern=`^[0-9A-Fa-f:.]+$`
	Fallback []string `json:"fallback,omitempty"`
	// precedence orders how closely an address of the chosen site is meant for a client: the name of one preset, such as
	// [dnspod], or levels, the first of which comes first. Left out, lines come before regions.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=16
	// +kubebuilder:validation:items:Enum=alibaba;dnspod;huawei;volcengine;line-region;region;line-area;area;line-country;country;line;default
	// +kubebuilder:validation:XValidation:rule="size(self) == 1 || !self.exists(p, p in ['alibaba', 'dnspod', 'huawei', 'volcengine'])",message="a preset stands alone: give its name or a list of levels"
	Precedence []string `json:"precedence,omitempty"`
	// minSites is over how many sites every group of clients is spread at least, as far as that many are near.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8
	MinSites int32 `json:"minSites,omitempty"`
	// connectionLife is how long a client's connection lives in the mean, from 1s to 1h, such as 2m: a client that stays
	// connected does not ask again where to go. It is 15s if left out.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	ConnectionLife string `json:"connectionLife,omitempty"`
	// calmTTL is how long answers live that name a site which has long been below its low watermark, in whole seconds up to 1h
	// and not less than the service's TTL, such as 60s. Left out, they live as long as others: a longer TTL makes the whole
	// control loop slower, which has to wait for the last of them.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	CalmTTL string `json:"calmTTL,omitempty"`
	// gain is the part of the control loop's residual error that 15 seconds correct, above 0 and at most 1, such as "0.05".
	// Left out, it is the most that cannot oscillate with the service's TTL, calmTTL and connectionLife; more is refused.
	// +optional
	// +kubebuilder:validation:Pattern=`^(0\.[0-9]{1,6}|1(\.0{1,6})?)$`
	Gain string `json:"gain,omitempty"`
	// costs are what a request costs at a site besides its way, in milliseconds of round trip that it is worth: by so much
	// may another site be farther and still be preferred. The control loop shares clients out by them; by itself, as while
	// the hub is away, a name server takes the nearest site as ever.
	// +optional
	// +listType=map
	// +listMapKey=site
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	Costs []SiteCost `json:"costs,omitempty"`
	// near is within how much of the nearest site others count as equally near, so that capacity decides among them. Left
	// out, that is 10 milliseconds where round trips were measured, else 100 km.
	// +optional
	Near *Near `json:"near,omitempty"`
	// residency keeps clients of some regions at sites of some regions, whatever is down: with no site left that may serve
	// them they get what onAllUnhealthy says of those sites; where there never was one, the fallback, or SERVFAIL. The first
	// rule that has a client's region holds. Clients whose region nobody knows are kept nowhere.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Residency []Residency `json:"residency,omitempty"`
}

// SiteCost is what a request costs at a site besides its way.
type SiteCost struct {
	// site is a Site by name.
	// +kubebuilder:validation:MaxLength=63
	Site string `json:"site"`
	// ms is milliseconds of round trip.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MS int32 `json:"ms"`
}

// Near is how much farther than the nearest site others may be and count as equally near: one of the two.
//
// +kubebuilder:validation:XValidation:rule="has(self.ms) != has(self.percent)",message="give either ms or percent"
type Near struct {
	// ms is milliseconds of round trip; where none was measured, 50 km stand for each.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=500
	MS int32 `json:"ms,omitempty"`
	// percent is a part of the way to the nearest, but never less than a millisecond.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Percent int32 `json:"percent,omitempty"`
}

// Residency is a rule that keeps clients somewhere.
type Residency struct {
	// clients are where they are: countries (CN), areas of China (CN-south) or subdivisions (CN-GD).
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=16
	// +kubebuilder:validation:items:Pattern=`^[A-Z]{2}(-[A-Za-z0-9]{1,13})?$`
	Clients []string `json:"clients"`
	// regions are those of the sites that may serve them, as the Sites say it in spec.region.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Regions []string `json:"regions"`
}

// SteeringPolicyStatus is what the hub made of a policy.
type SteeringPolicyStatus struct {
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// SteeringPolicyList is a list of SteeringPolicies.
//
// +kubebuilder:object:root=true
type SteeringPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SteeringPolicy `json:"items"`
}
