package tidegate

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A truncated geo database costs nothing that is served: the embedded table takes its place, and the status says why.
func TestTruncatedGeoDatabase(t *testing.T) {
	folder := exampleFolder(t)
	city := filepath.Join(folder, "city.mmdb")
	if err := os.WriteFile(city, []byte("not the whole of a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := newServer(settings{world: filepath.Join(folder, "world.yaml"), geoFiles: []string{city}}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	status := s.node.Status()
	if !strings.Contains(status.GeoTrouble, city) || status.GeoDigest == "" {
		t.Errorf("geo table %q, trouble %q, want the embedded table and the file's name", status.GeoDigest, status.GeoTrouble)
	}
}
