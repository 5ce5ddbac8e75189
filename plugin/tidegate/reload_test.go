package tidegate

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/coredns/caddy"

	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/node"
)

// A reload starts the new instance before the old one ends, which then still has the admin socket.
func TestReloadKeepsTheAdminAPI(t *testing.T) {
	prepareCaddy(t)
	folder := exampleFolder(t)
	socket := filepath.Join(folder, "admin.sock")
	input := corefile(fmt.Sprintf("world %s/world.yaml\nadmin %s", folder, socket))
	instance, err := caddy.Start(input)
	if err != nil {
		t.Fatal(err)
	}
	if instance, err = instance.Restart(input); err != nil {
		t.Fatal(err)
	}
	defer func() {
		instance.ShutdownCallbacks()
		_ = instance.Stop() // the test has ended
	}()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var status node.Status
		err := admin.Get(t.Context(), socket, "/v1/status", nil, &status)
		if err == nil && status.Generation == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a reload the admin API answers %+v, %v", status, err)
		}
	}
}
