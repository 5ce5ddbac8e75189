// Package haproxy makes a real HAProxy (2.6 or later) serve an lb.Config.
//
// HAProxy runs in master-worker mode in a session of its own, so it outlives this process: a driver that starts finds it
// again by its sockets and adopts it. What changes often, the servers, goes through the runtime socket without a reload;
// a reload happens only when frontends change, hands the listening sockets over, and lets the old worker finish its
// streams. The configuration on disk always holds the whole state, so HAProxy comes back with it.
//
// Render, the diff of servers, the parsers and the meter are pure. Everything HAProxy says is treated as hostile.
// controlplane/site calls the Driver; nothing else does.
package haproxy
