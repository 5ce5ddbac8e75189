package pki

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Kubeconfig is the part of a kubeconfig file that the dev cluster writes and reads. The files are JSON, which is YAML.
type Kubeconfig struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	CurrentContext string         `json:"current-context"`
	Clusters       []NamedCluster `json:"clusters"`
	Users          []NamedUser    `json:"users"`
	Contexts       []NamedContext `json:"contexts"`
}

// NamedCluster says where the API server is and which CA it has.
type NamedCluster struct {
	Name    string `json:"name"`
	Cluster struct {
		Server string `json:"server"`
		CA     []byte `json:"certificate-authority-data"`
	} `json:"cluster"`
}

// NamedUser holds the client's certificate and key.
type NamedUser struct {
	Name string `json:"name"`
	User struct {
		Cert []byte `json:"client-certificate-data"`
		Key  []byte `json:"client-key-data"`
	} `json:"user"`
}

// NamedContext joins the two.
type NamedContext struct {
	Name    string `json:"name"`
	Context struct {
		Cluster string `json:"cluster"`
		User    string `json:"user"`
	} `json:"context"`
}

// WriteKubeconfig makes a client certificate and writes a kubeconfig with it to path.
func (c *CA) WriteKubeconfig(path, cluster, server string, s Subject) error {
	cert, key, err := c.Issue(s)
	if err != nil {
		return err
	}
	config := Kubeconfig{
		APIVersion: "v1", Kind: "Config", CurrentContext: cluster,
		Clusters: []NamedCluster{{Name: cluster}}, Users: []NamedUser{{Name: s.Name}}, Contexts: []NamedContext{{Name: cluster}},
	}
	config.Clusters[0].Cluster.Server = server
	config.Clusters[0].Cluster.CA = c.pem
	config.Users[0].User.Cert, config.Users[0].User.Key = cert, key
	config.Contexts[0].Context.Cluster, config.Contexts[0].Context.User = cluster, s.Name
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
