package authority

import (
	"github.com/nats-io/jwt/v2"

	"tidegate.dev/tidegate/gslb/bus/internal/wire"
)

// name is replaced by the server with the user's name, which the hub puts into each JWT. It is one token: members'
// names are DNS labels.
const name = "{{name()}}"

// templates is the permission table of the bus: what a role may publish and what it may subscribe to. All else is
// refused. gslb/bus/permissions_test.go tries it cell by cell on a real server.
//
// No member may publish to JetStream ($JS.API.>). JetStream sends an answer to whatever reply subject the request
// carries and asks nobody for leave, so a member that reads its own work could have it written over another's.
var templates = map[string]jwt.Permissions{
	wire.RoleSite: {
		Pub: allow("sig."+name+".>", wire.Ask(name, wire.Renew), wire.Ask(name, wire.Inventory), wire.Ask(name, wire.Bundle)),
		Sub: allow(wire.InboxPrefix(name)+".>", wire.WorkNote(name)),
	},
	wire.RoleNameServer: {
		Pub: allow("sig."+name+".>", wire.Ask(name, wire.Renew), wire.Ask(name, wire.Head), wire.Ask(name, wire.Object), wire.Ask(name, wire.Table)),
		Sub: allow(wire.InboxPrefix(name)+".>", wire.MapNote),
	},
	wire.RoleHub: {
		Pub: allow("$JS.API.>", "$JS.ACK.>", "$JS.FC.>", "$KV.>", "$O.>", "note.>", "_INBOX.>"),
		Sub: allow(wire.HubInboxPrefix+".>", "sig.>", "ask.>"),
	},
}

func allow(subjects ...string) jwt.Permission {
	return jwt.Permission{Allow: subjects}
}

// memberSubscriptions bounds the subscriptions of one member's connection: its inbox, its note, and room to change.
const memberSubscriptions = 16

// scope is the template as it stands in the account's JWT.
func scope(role, publicKey string) *jwt.UserScope {
	s := jwt.NewUserScope()
	s.Key, s.Role = publicKey, role
	s.Template.Permissions = templates[role]
	s.Template.Payload = wire.MaxPayloadBytes
	if role != wire.RoleHub {
		s.Template.Subs = memberSubscriptions
		s.Template.AllowedConnectionTypes.Add(jwt.ConnectionTypeStandard)
	}
	return s
}
