// Package devcluster starts and stops the dev cluster: a hub and three edge sites, each with a real Kubernetes, on one
// machine. The dev command is a thin shell around it, and the end-to-end tests use it directly.
//
// Everything that a run makes is in its folder or bears one of its names, and each process is recorded, so that Down
// finds it all again, whatever happened to Up. A Cluster may be used from several goroutines.
//
// The parts, each in a package of its own: layout says what there is, netlab makes the network, proc the processes,
// pki the identities, build the programs, kube their settings, node the nodes, image the images.
package devcluster
