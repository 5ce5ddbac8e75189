// Package wire holds the subjects and headers that both ends of the bus agree on, and nothing else.
//
// The permission templates of gslb/bus/authority, the members of gslb/bus and the hub of gslb/bus/hub are written in
// these terms, so that a subject has one spelling.
package wire

import "strings"

// The roles as they are written in tokens, credentials and the authority.
const (
	RoleSite       = "site"
	RoleNameServer = "nameserver"
	RoleHub        = "hub"
)

// MaxPayloadBytes bounds one message; the server refuses a larger one. JetStream KV values have the same bound.
const MaxPayloadBytes = 1 << 20

// ChunkBytes is how much of an object one answer carries.
const ChunkBytes = 768 << 10

// Operation is what a member asks of the hub.
type Operation string

// The operations. Renew is every member's; Head, Object and Table are a name server's, Inventory and Bundle a site's.
const (
	Renew     Operation = "renew"
	Head      Operation = "head"
	Object    Operation = "object"
	Table     Operation = "table"
	Inventory Operation = "inventory"
	Bundle    Operation = "bundle"
)

// The headers. Report marks a report: what JetStream or the hub sends never carries it, so nobody can have either
// speak in a member's name.
const (
	ReportHeader = "Tidegate-Report"
	ErrorHeader  = "Tidegate-Error"
	SizeHeader   = "Tidegate-Size"
)

// The errors that an answer can carry in ErrorHeader.
const (
	ErrNone    = "none"
	ErrRefused = "refused"
	ErrFailed  = "failed"
	ErrBusy    = "asked too often"
)

// MapNote is the subject that says the head moved.
const MapNote = "note.map"

// WorkNote is the subject that says that a site's inventory changed.
func WorkNote(site string) string { return "note.work." + site }

// Report is the subject of a member's reports.
func Report(name string) string { return "sig." + name + ".report" }

// Ask is the subject on which a member asks for an operation.
func Ask(name string, op Operation) string { return "ask." + name + "." + string(op) }

// InboxPrefix is where a member's answers go, without its final dot.
func InboxPrefix(name string) string { return "_INBOX." + name }

// HubInboxPrefix is where the hub's own answers go. No member's inbox can overlap it.
const HubInboxPrefix = "_HUB"

// Sender is the member that published on a subject of the form "kind.NAME.rest", and the rest.
func Sender(subject string) (name, rest string, ok bool) {
	_, after, found := strings.Cut(subject, ".")
	if !found {
		return "", "", false
	}
	name, rest, ok = strings.Cut(after, ".")
	return name, rest, ok && name != "" && rest != ""
}

// MaxObjectBytes bounds an object.
const MaxObjectBytes = 64 << 20

// ObjectRequest asks for the chunk of an object, a map or a geo table, that begins at Offset.
type ObjectRequest struct {
	Digest string `json:"digest"`
	Offset int    `json:"offset"`
}
