// Package cluster is the site's own Kubernetes cluster as controlplane/site needs it: apply, delete, watch.
//
// It applies by server-side apply as the field manager tidegate-site, deletes only what carries the labels that the hub
// gives to everything it sends, and watches pods and nodes. cmd/tidegate-site makes one and hands it to the Agent; no one
// else calls it. It holds no state but the API's discovery and the watches' caches.
package cluster
