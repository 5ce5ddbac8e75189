package hub

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
)

// Reasons of Events that stand for no condition.
const (
	eventUnschedulable = "Unschedulable"
	eventUnsupported   = "Unsupported"
	eventNotWritten    = "WorkNotWritten"
	eventPlaced        = "Placed"
)

// Event is something that changed, told to whoever looks at the object.
type Event struct {
	Object  corev1.ObjectReference
	Type    string
	Reason  string
	Message string
}

func warning(object corev1.ObjectReference, reason, message string) Event {
	return Event{Object: object, Type: corev1.EventTypeWarning, Reason: reason, Message: message}
}

// conditionEvent tells that a condition changed. Only what the owner must mend is a warning; waiting is not.
func conditionEvent(object corev1.ObjectReference, c metav1.Condition) Event {
	e := Event{Object: object, Type: corev1.EventTypeNormal, Reason: c.Reason, Message: c.Message}
	mend := c.Type == v1alpha1.ConditionAccepted || c.Type == v1alpha1.ConditionReporting || c.Type == v1alpha1.ConditionLineConfirmed ||
		c.Reason == v1alpha1.ReasonMapRefused || c.Reason == v1alpha1.ReasonMeasuredDown ||
		c.Reason == v1alpha1.ReasonDrainOverdue || c.Reason == v1alpha1.ReasonShiftAborted
	if c.Status == metav1.ConditionFalse && mend {
		e.Type = corev1.EventTypeWarning
	}
	return e
}
