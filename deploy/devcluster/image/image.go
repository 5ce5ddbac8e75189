// Package image makes container images from static binaries, without Docker, and holds the dev cluster's registry.
//
// Image references in manifests say layout.ImageRegistry, in every mode and on every machine; nodes and Push are told
// where that registry really is. Callers are devcluster and the dev command.
package image

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// FromBinary makes an image that holds one static binary, for this machine's platform, and runs it as nobody.
func FromBinary(binary string) (v1.Image, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	entry := "/" + filepath.Base(binary)
	layer, err := layerOf(entry, content)
	if err != nil {
		return nil, fmt.Errorf("image of %s: %w", binary, err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config.Entrypoint = []string{entry}
	file.Config.User = "65534:65534"
	file.Config.Env = []string{"PATH=/"}
	return mutate.ConfigFile(img, file)
}

// layerOf packs one executable file. There is no time in it: the same binary gives the same digest.
func layerOf(path string, content []byte) (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	header := &tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: 0o755, Size: int64(len(content))}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(1))
}

// Push pushes an image as reference, which starts with layout.ImageRegistry, to the registry at address (host:port).
// It returns the reference with the digest.
func Push(ctx context.Context, img v1.Image, reference, address string) (string, error) {
	rest, ok := strings.CutPrefix(reference, layout.ImageRegistry+"/")
	if !ok {
		return "", fmt.Errorf("image reference %q: it must start with %s/", reference, layout.ImageRegistry)
	}
	ref, err := name.ParseReference(address+"/"+rest, name.Insecure)
	if err != nil {
		return "", fmt.Errorf("image reference %q: %w", reference, err)
	}
	if err := remote.Write(ref, img, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("push %s: %w", reference, err)
	}
	digest, err := img.Digest()
	if err != nil {
		return "", err
	}
	repository := strings.TrimPrefix(ref.Context().RepositoryStr(), "library/")
	return layout.ImageRegistry + "/" + repository + "@" + digest.String(), nil
}
