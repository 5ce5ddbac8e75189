package v1alpha1

// Condition types of a DomainExport. Accepted: the annotations make sense and every name is the workload's own.
// Verified: every domain is inside our zones, or its owner points it to the canonical name. Programmed: every live name
// server serves the current spec. Ready: programmed, and a replica is ready.
const (
	ConditionAccepted   = "Accepted"
	ConditionVerified   = "Verified"
	ConditionProgrammed = "Programmed"
	ConditionReady      = "Ready"
)

// Condition types of a Site. Reporting: its agent reports. LineConfirmed: the one line that the Site declares is the one
// that the geo data knows of its addresses; the condition is missing where either says nothing. Healthy: it counts as up, by
// an operator's word or by what is measured. Drained: a site that is drained has no clients left; the condition is missing
// where nobody drains it.
const (
	ConditionReporting     = "Reporting"
	ConditionLineConfirmed = "LineConfirmed"
	ConditionHealthy       = "Healthy"
	ConditionDrained       = "Drained"
)

// ConditionMoved stands on a TrafficShift, beside Accepted: it is as far as it is to go.
const ConditionMoved = "Moved"

// Reasons of the condition Accepted. Accepted also stands on a Zone and a SteeringPolicy; ZoneMissing also as a reason of
// Programmed.
const (
	ReasonAccepted           = "Accepted"
	ReasonInvalidAnnotation  = "InvalidAnnotation"
	ReasonInvalidName        = "InvalidName"
	ReasonHostnameConflict   = "HostnameConflict"
	ReasonPlacementNotFound  = "PlacementNotFound"
	ReasonPolicyNotFound     = "SteeringPolicyNotFound"
	ReasonInvalidPolicy      = "InvalidSteeringPolicy"
	ReasonOscillates         = "WouldOscillate"
	ReasonServiceUnsupported = "ServiceUnsupported"
	ReasonWorkloadNotFound   = "WorkloadNotFound"
	ReasonWorkloadConflict   = "WorkloadConflict"
	ReasonNoExportZone       = "NoExportZone"
	ReasonZoneMissing        = "ZoneMissing"
	ReasonInvalidZone        = "InvalidZone"
	ReasonNoGlue             = "NameserverWithoutAddress"
	ReasonExportIgnored      = "ExportIgnored"
)

// Reasons of the condition Accepted of a TrafficShift, beside Accepted.
const (
	ReasonServiceNotFound = "ServiceNotFound"
	ReasonSiteNotFound    = "SiteNotFound"
	ReasonShiftConflict   = "ShiftConflict"
)

// Reasons of the condition Verified.
const (
	ReasonVerified      = "Verified"
	ReasonCNAMEFound    = "CNAMEFound"
	ReasonAwaitingCNAME = "AwaitingCNAME"
	ReasonNotAccepted   = "NotAccepted"
)

// Reasons of the condition Programmed.
const (
	ReasonProgrammed      = "Programmed"
	ReasonNotPublished    = "NotPublished"
	ReasonMapRefused      = "MapRefused"
	ReasonAwaitingServers = "AwaitingNameServers"
	ReasonNoNameServers   = "NoNameServers"
	ReasonNoAddresses     = "NoAddresses"
)

// Reasons of the condition Ready.
const (
	ReasonReady           = "Ready"
	ReasonNotProgrammed   = "NotProgrammed"
	ReasonNoReadyReplicas = "NoReadyReplicas"
	ReasonAsleep          = "Asleep"
)

// Reasons of the condition Reporting.
const (
	ReasonReporting   = "Reporting"
	ReasonSilent      = "Silent"
	ReasonNotEnrolled = "NotEnrolled"
)

// Reasons of the condition LineConfirmed.
const (
	ReasonLineConfirmed    = "LineConfirmed"
	ReasonLineContradicted = "LineContradicted"
)

// Reasons of the condition Healthy.
const (
	ReasonForcedUp     = "ForcedUp"
	ReasonForcedDown   = "ForcedDown"
	ReasonMeasuredUp   = "MeasuredUp"
	ReasonMeasuredDown = "MeasuredDown"
)

// Reasons of the condition Drained.
const (
	ReasonNoClients    = "NoClients"
	ReasonDraining     = "Draining"
	ReasonDrainOverdue = "DrainOverdue"
)

// ReasonShiftAborted is a reason of the condition Moved, which has the phases of a shift as its reasons, and NotAccepted.
const ReasonShiftAborted = "Aborted"
