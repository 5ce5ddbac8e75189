// Package work holds what the hub tells a site to run, and how it travels.
//
// The hub writes one Bundle per workload and site, and one Inventory per site that lists the bundles with their digests.
// A site applies what the inventory lists and removes what a newer inventory no longer lists; an empty bus therefore
// removes nothing. It is pure: the hub's placement writes these values, the site's agent reads them, and gslb/bus
// carries the bytes.
package work

import (
	"encoding/json"

	"tidegate.dev/tidegate/gslb/plan"
)

// Bundle is one workload as a site shall run it.
type Bundle struct {
	// Workload is "namespace/kind/name" at the hub, such as "shop/Deployment/chat".
	Workload string `json:"workload"`
	// Replicas is this site's share. A site runs it as long as the bundle stands, cut off or not.
	Replicas int `json:"replicas"`
	// Manifests are Kubernetes objects in JSON, complete, in the order to apply them. They carry their namespace.
	Manifests []json.RawMessage `json:"manifests"`
	// Selector finds the workload's pods among the site's, in their namespace.
	Selector map[string]string `json:"selector"`
	// Ports are what the site's load balancer serves.
	Ports []Port `json:"ports"`
	// Health is how the load balancer checks the pods; nil is by connecting.
	Health *plan.Health `json:"health,omitempty"`
}

// Port is one exported port: clients connect to Listen, pods serve on Target.
type Port struct {
	Listen   uint16   `json:"listen"`
	Target   uint16   `json:"target"`
	Protocol Protocol `json:"protocol"`
}

// Protocol is how a load balancer handles a port.
type Protocol string

// The protocols of the port annotation: HTTP is the default, TCP passes bytes on.
const (
	HTTP Protocol = "http"
	TCP  Protocol = "tcp"
)

// Inventory lists everything that a site shall run.
type Inventory struct {
	// Revision grows with every change to the site's work; it counts on over a hub with an empty disk.
	Revision uint64 `json:"revision"`
	// Bundles maps a bundle's key to its digest.
	Bundles map[string]plan.Digest `json:"bundles"`
}
