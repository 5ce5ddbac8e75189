// Package export decides what an annotated object exports: it reads the annotations, settles who owns a name, and says
// in conditions what came of it.
//
// It stands at the beginning of the intent path: annotated Deployment, StatefulSet or Service -> Read -> Plan -> a
// DomainExport, which the hub then places and publishes. Wrong annotations never cost what is served: the spec of the
// DomainExport is the last accepted reading, and it stays in force until a right one comes.
//
// It is pure; time is an argument. The hub calls it, and so may a check before anything is applied.
package export
