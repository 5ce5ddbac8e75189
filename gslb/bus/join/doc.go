// Package join is the member's half of enrolment: it turns a one-time token into credentials for the bus, and renews them
// once they have expired.
//
// A token holds where the hub is, the hash of its certificate authority and a secret. Join makes the member's own NKey,
// trusts only the authority with that hash, and posts the secret with the public key to the hub, which answers with the
// JWT and all else that the member needs. Renew is signed by that NKey, so a member that was cut off for days comes back
// without a person.
//
// tidegate-dns, tidegate-site and the CLI call it. The hub's half is controlplane/enroll, which speaks the same words:
// the messages and paths here are the contract between the two.
package join
