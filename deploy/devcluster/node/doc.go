// Package node is what makes a node of a few namespaces: its first process, which sets up the mounts and then adopts
// orphans, and its cgroups.
//
// The first process is pid 1 of the node's pid namespace: when it ends, the kernel ends every container and daemon of
// the node with it, and the mounts go with the last of them. It needs root. Only devcluster calls it.
package node
