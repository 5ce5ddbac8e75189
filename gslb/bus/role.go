package bus

import (
	"fmt"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// Role is what a member is, and so what it may do.
type Role string

// The roles. A site reports its signals and reads its own work; a name server reports and reads the map.
const (
	Site       Role = wire.RoleSite
	NameServer Role = wire.RoleNameServer
)

// Check says whether r is a role that a member can have.
func (r Role) Check() error {
	if r != Site && r != NameServer {
		return fmt.Errorf("role %q: want %s or %s", r, Site, NameServer)
	}
	return nil
}

// CheckMember says whether a member may have the role and the name. A name is one lower-case DNS label of at most 63
// characters; one name belongs to one member, whatever its role.
func CheckMember(role Role, name string) error {
	if err := role.Check(); err != nil {
		return err
	}
	if err := gslb.CheckLabel(name); err != nil {
		return fmt.Errorf("member's name: %w", err)
	}
	return nil
}
