// Package v1alpha1 is Tidegate's Kubernetes API: group tidegate.dev, version v1alpha1.
//
// DomainExport is what Tidegate made of an annotated workload, and its memory of it; the hub alone writes it.
// EdgePlacement says where workloads may run, SteeringPolicy how clients are led to them; users write both. Site and Zone
// describe the serving locations and the zones that the name servers answer for, TrafficShift is an operator's move of
// traffic from site to site; operators write their spec, the hub their status.
//
// The package holds types only. controlplane/* and cmd/ import it; the scheduler and gslb never see it.
//
// +kubebuilder:object:generate=true
// +groupName=tidegate.dev
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 object crd paths=. output:crd:dir=../../../deploy/crds
