package image

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func TestPushedImageRunsTheBinary(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "hello")
	if err := os.WriteFile(binary, []byte("not really a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	img, err := FromBinary(binary)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Push(context.Background(), img, "registry.edge.example/samples/hello:dev", address)
	if err != nil {
		t.Fatal(err)
	}
	again, err := FromBinary(binary)
	if err != nil {
		t.Fatal(err)
	}
	digest, _ := again.Digest()
	if want := "registry.edge.example/samples/hello@" + digest.String(); got != want {
		t.Errorf("pushed %s, want %s: the same binary must give the same digest", got, want)
	}
	ref, err := name.ParseReference(address+"/samples/hello:dev", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pulled); err != nil {
		t.Error(err)
	}
	config, err := pulled.ConfigFile()
	if err != nil || len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/hello" {
		t.Errorf("config %+v, %v", config, err)
	}
}

func TestPushRefusesAnotherRegistry(t *testing.T) {
	if _, err := Push(context.Background(), nil, "example.com/hello:dev", "198.18.0.20:5000"); err == nil {
		t.Error("a reference to another registry was accepted")
	}
}
