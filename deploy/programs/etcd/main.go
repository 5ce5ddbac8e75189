//go:build devprograms

// Command etcd is etcd's own server, built at the version that this module pins. Only the dev cluster calls it. The build tag keeps
// it out of ./..., as that of its neighbour kube.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
