// Package enroll is the hub's half of enrolment: it makes one-time tokens and turns a token's secret into credentials.
//
// The hub makes a token for a role and a name; a person carries it to the new machine, which posts its secret with a
// public key of its own to /v1/enroll. The hub enrols the key on the bus and answers with the JWT and all else that the
// member needs. It keeps only the secret's hash, until it is used or expires.
//
// The same endpoint renews a JWT that has expired (/v1/renew), for the holder of the enrolled key: a member that was
// cut off for days comes back without a person.
//
// cmd/tidegate-hub serves the Handler. The member's half, and the messages between the two, are gslb/bus/join. It knows
// no Kubernetes.
package enroll
