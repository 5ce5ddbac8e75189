// Package kubeconfig finds the Kubernetes API that a daemon works with: the hub's, or a site's own.
//
// cmd/tidegate-hub and cmd/tidegate-site call it with their -kubeconfig flag. It reads files and the environment, and
// connects to nothing.
package kubeconfig

import (
	"errors"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Read reads a kubeconfig file, or takes the pod's own service account if none is named. It takes the pod's own only
// then: clientcmd would try that as well, but writes to the log first.
func Read(file string) (*rest.Config, error) {
	if file == "" {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("find the Kubernetes API: not in a pod: name a kubeconfig with -kubeconfig")
		}
		if err != nil {
			return nil, fmt.Errorf("find the Kubernetes API: %w: check the pod's service account, or name a kubeconfig with -kubeconfig", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("find the Kubernetes API: %w: name a kubeconfig with -kubeconfig", err)
	}
	return config, nil
}
