// Package bus is a member's side of the bus: what a name server or a site uses to report, to follow the map or its
// work, and to stay enrolled.
//
// The bus is NATS. It carries reports from members to the hub, and maps, heads and work from the hub to members. The
// packages below are the rest of it, and together they are the only ones that know NATS:
//
//	authority   the keys: who is who, what each role may do, the certificate authority
//	server      a NATS server with JetStream inside the hub's process
//	hub         the hub's side: it alone writes; it answers what members ask, and only for themselves
//	join        how a member gets its credentials from a token, and new ones once they expired
//	bustest     a whole bus over loopback for tests
//
// A member never touches JetStream. It asks the hub on a subject of its own (ask.NAME.OPERATION) and is answered in an
// inbox of its own (_INBOX.NAME.>), because JetStream answers wherever a request tells it to, which would let a member
// write through it. The hub tells members that something changed (note.>), members then ask; and they ask again every
// few seconds, so that a lost note delays a change and never loses it.
//
// Nothing here is fatal to the caller: Dial returns at once, connects for as long as it takes and reconnects for ever.
// tidegate-dns, tidegate-site and lbagent call this package. The bytes it carries are gslb/plan's, gslb/signal's and
// controlplane/work's; it reads none of them.
package bus
