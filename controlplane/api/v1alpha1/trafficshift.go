package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TrafficShift moves a part of what one site gets of a service to another site: in steps, each after the destination has been
// fine for a while. It goes back at once if the destination fills or fails, and by itself when it expires. A shift that is
// over moves nothing any more; deleting the object ends it, too.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=tsh,categories=tidegate
// +kubebuilder:printcolumn:name=SERVICE,type=string,JSONPath=`.spec.service`
// +kubebuilder:printcolumn:name=FROM,type=string,JSONPath=`.spec.from`
// +kubebuilder:printcolumn:name=TO,type=string,JSONPath=`.spec.to`
// +kubebuilder:printcolumn:name=PERCENT,type=integer,JSONPath=`.status.percent`
// +kubebuilder:printcolumn:name=MOVED,type=integer,JSONPath=`.status.moved`
// +kubebuilder:printcolumn:name=OF,type=integer,JSONPath=`.spec.percent`
// +kubebuilder:printcolumn:name=PHASE,type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name=WHY,type=string,priority=1,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name=AUTHOR,type=string,priority=1,JSONPath=`.spec.author`
// +kubebuilder:printcolumn:name=AGE,type=date,JSONPath=`.metadata.creationTimestamp`
type TrafficShift struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   TrafficShiftSpec   `json:"spec"`
	Status TrafficShiftStatus `json:"status,omitempty"`
}

// TrafficShiftSpec is what the operator wants.
//
// +kubebuilder:validation:XValidation:rule="self.from != self.to",message="from and to must be two sites"
// +kubebuilder:validation:XValidation:rule="self.service == oldSelf.service && self.from == oldSelf.from && self.to == oldSelf.to",message="service, from and to cannot change: delete the shift and make another"
// +kubebuilder:validation:XValidation:rule="!(has(self.expiresAfter) && has(self.expiresAt))",message="give expiresAfter or expiresAt, not both"
type TrafficShiftSpec struct {
	// service is what is moved, of this namespace: the name of a DomainExport, or its canonical name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	Service string `json:"service"`
	// from is the site that gives.
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`
	From string `json:"from"`
	// to is the site that takes, as far as it has room below its high watermark.
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`
	To string `json:"to"`
	// percent is how much of what the source gets is to move in the end.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Percent int32 `json:"percent"`
	// step is how many percent move at a time. Without it 10.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Step int32 `json:"step,omitempty"`
	// every is how long the destination must have been fine after a step before the next one, such as 2m, which it is
	// without it; at least 15s.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('15s')",message="every must be at least 15s"
	Every Duration `json:"every,omitempty"`
	// +optional
	Abort *ShiftAbort `json:"abort,omitempty"`
	// expiresAfter is how long after its creation the shift goes back by itself, in the same steps, such as 4h.
	// +optional
	ExpiresAfter Duration `json:"expiresAfter,omitempty"`
	// expiresAt is when. Without either it stays until the object is deleted.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// author is who moves.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Author string `json:"author,omitempty"`
	// reason is why, for those who find the shift later.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`
}

// Duration is a time in hours, minutes and seconds, such as 1h30m.
//
// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s)){1,3}$`
// +kubebuilder:validation:MaxLength=18
type Duration string

// ShiftAbort bounds what the destination may show. What is above goes back at once.
type ShiftAbort struct {
	// errorPercent of the destination's answers may have a status of 500 and above. Without it 5; 100 does not look at them.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	ErrorPercent int32 `json:"errorPercent,omitempty"`
	// saturationPercent is how full the destination may be, seen twice in a row. Without it halfway between the service's high
	// watermark and full: 95.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	SaturationPercent int32 `json:"saturationPercent,omitempty"`
}

// TrafficShiftStatus is how far the shift is.
type TrafficShiftStatus struct {
	// phase is Moving, Holding (it may not go on now), Moved (it is as far as it is to go), Returning, or the end: Aborted or
	// Expired. It is empty while the shift has not been accepted.
	// +optional
	// +kubebuilder:validation:Enum=Moving;Holding;Moved;Returning;Aborted;Expired
	Phase string `json:"phase,omitempty"`
	// percent of what the source gets is to be at the destination now. Clients follow as their answers run out.
	// +optional
	Percent int32 `json:"percent"`
	// moved is how many percent of what the source would get the published shares bring to the destination: less than percent
	// while clients are on their way, or where the destination has no room for more.
	// +optional
	Moved int32 `json:"moved"`
	// forecast is what all of it would do in the end, as it was before the first step.
	// +optional
	Forecast *ShiftForecast `json:"forecast,omitempty"`
	// message is why it holds, returns or was aborted, with the numbers.
	// +optional
	Message string `json:"message,omitempty"`
	// canonicalName is the service that is moved.
	// +optional
	CanonicalName string `json:"canonicalName,omitempty"`
	// began is when the first step was taken.
	// +optional
	Began *metav1.Time `json:"began,omitempty"`
	// since is when phase or percent last changed.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// calmSince is since when the destination has been fine after the last step; the next one waits from then on.
	// +optional
	CalmSince *metav1.Time `json:"calmSince,omitempty"`
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ShiftForecast is what a shift would do in the end: how full source and destination are in percent of their capacity, before it
// and after it, and who moves.
type ShiftForecast struct {
	FromPercentBefore int32 `json:"fromPercentBefore"`
	FromPercentAfter  int32 `json:"fromPercentAfter"`
	ToPercentBefore   int32 `json:"toPercentBefore"`
	ToPercentAfter    int32 `json:"toPercentAfter"`
	// usersPercent is how many percent of all users of the service change their site.
	UsersPercent int32 `json:"usersPercent"`
	// rttChangeMilliseconds is by how much the round trip of those who move gets longer.
	RTTChangeMilliseconds int64 `json:"rttChangeMilliseconds"`
}

// TrafficShiftList is a list of TrafficShifts.
//
// +kubebuilder:object:root=true
type TrafficShiftList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TrafficShift `json:"items"`
}
