// Package enroll lets a new site or name server join: one-time tokens and the exchange that turns one into credentials.
//
// The hub makes a token for a role and a name; a person carries it to the new machine. It holds where the hub is, the
// hash of its certificate authority and a secret. The joiner makes its own NKey, trusts only the authority with that
// hash, and posts the secret with its public key to /v1/enroll; the hub enrols the key on the bus and answers with the
// JWT and all else the member needs. The hub keeps only the secret's hash, until it is used or expires.
//
// The same endpoint renews a JWT that has expired (/v1/renew), for the holder of the enrolled key: a member that was
// cut off for days comes back without a person.
//
// cmd/tidegate-hub serves the Handler; tidegate-dns and tidegate-site call Join and Renew. It knows no Kubernetes.
package enroll
