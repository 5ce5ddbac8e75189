package haproxy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"tidegate.dev/tidegate/lbagent/lb"
)

// DefaultMaxConnections bounds the connections of one worker; HAProxy would else size itself by the limit of open files.
const DefaultMaxConnections = 20_000

// Settings are what a configuration depends on beside what it serves.
type Settings struct {
	// Socket is the path of the runtime socket.
	Socket string
	// MaxConnections is at least 1.
	MaxConnections int
	// User is whom workers become once they listen; empty is whoever started HAProxy.
	User string
}

// marker stands before the digest in HAProxy's description, where the runtime socket shows what a worker was started with.
const marker = "tidegate "

// Render writes the configuration and the digest of all of it but the servers. A worker with the same digest can be
// brought to the same state by the runtime socket alone. The config is canonical and valid.
func Render(config lb.Config, settings Settings) (text []byte, digest string, err error) {
	if strings.ContainsAny(settings.Socket, "'\n\r") {
		return nil, "", fmt.Errorf("the path %q cannot stand in a configuration: choose a data folder without quotes", settings.Socket)
	}
	var frame, full bytes.Buffer
	for _, f := range served(config) {
		if err := checkNames(f); err != nil {
			return nil, "", &lb.FrontendError{Workload: f.Workload, Err: err}
		}
		writeProxy(&frame, f)
		writeProxy(&full, f)
		for _, s := range f.Servers {
			fmt.Fprintf(&full, "    server %s %s %s\n", s.Name, s.Addr, serverOptions)
		}
	}
	sum := sha256.Sum256([]byte(header(settings, "") + frame.String()))
	digest = hex.EncodeToString(sum[:])
	return append([]byte(header(settings, digest)), full.Bytes()...), digest, nil
}

// served leaves out TCP frontends without servers: only a port that nobody listens on refuses connections.
func served(config lb.Config) []lb.Frontend {
	var frontends []lb.Frontend
	for _, f := range config.Frontends {
		if f.Protocol == lb.HTTP || len(f.Servers) > 0 {
			frontends = append(frontends, f)
		}
	}
	return frontends
}

// serverOptions are the same in the file and on the runtime socket, which knows no default-server. A server that refuses
// connections is out after at most 1.6 s.
const serverOptions = "check inter 1s fastinter 300ms fall 3 rise 1"

// requestTable counts the requests of every HTTP frontend by its name. HAProxy's own counters know no exception, and name
// servers' probes, which come every second, are no clients of a workload. They reach the same servers as everybody.
const requestTable = "requests"

// probeAgent begins the User-Agent of those probes (gslb/probe).
const probeAgent = "tidegate-probe"

// maxFrontends bounds the table; an entry is allocated when its first request comes.
const maxFrontends = 100_000

// header is the part that does not depend on frontends. A stream may be silent for 10 minutes, a tunnel for an hour; an
// old worker gets as long to finish. Connections to servers are not kept: a server that goes away between two requests
// would cost the second.
func header(s Settings, digest string) string {
	return fmt.Sprintf(`# Written by tidegate-site; what is changed here is lost.
global
    description %s%s
    maxconn %d
    no strict-limits
    hard-stop-after 1h
    stats socket 'unix@%s' mode 600 level admin expose-fd listeners
%s
defaults
    balance leastconn
    retries 3
    option redispatch 1
    timeout connect 2s
    timeout check 1s
    timeout queue 30s
    timeout client 10m
    timeout server 10m
    timeout tunnel 1h
    timeout http-request 30s
    timeout http-keep-alive 60s

backend %s
    stick-table type string len %d size %d store http_req_cnt
`, marker, digest, s.MaxConnections, s.Socket, become(s), requestTable, maxNameBytes+len(":65535")+1, maxFrontends)
}

func become(s Settings) string {
	if s.User == "" {
		return ""
	}
	return fmt.Sprintf("    user %s\n    group %s\n", s.User, s.User)
}

func writeProxy(b *bytes.Buffer, f lb.Frontend) {
	name := proxyName(f)
	fmt.Fprintf(b, "\nfrontend %s\n    mode %s\n    bind %s\n", name, f.Protocol, binds(f))
	if f.Protocol == lb.HTTP {
		b.WriteString("    option http-server-close\n    option http-no-delay\n    option idle-close-on-response\n    option forwardfor\n")
		fmt.Fprintf(b, "    http-request track-sc0 fe_name table %s unless { req.hdr(user-agent) -m beg %s }\n", requestTable, probeAgent)
	} else {
		fmt.Fprintf(b, "    tcp-request connection reject if { nbsrv(%s) eq 0 }\n", name)
	}
	fmt.Fprintf(b, "    default_backend %s\n\nbackend %s\n    mode %s\n", name, name, f.Protocol)
	if f.Protocol == lb.HTTP {
		b.WriteString("    option http-server-close\n    option http-no-delay\n")
	}
	if f.Check.HTTPPath != "" {
		fmt.Fprintf(b, "    option httpchk\n    http-check send meth GET uri %s ver HTTP/1.1 hdr Host localhost hdr Connection close\n    http-check expect status 200-399\n", f.Check.HTTPPath)
	}
}

func binds(f lb.Frontend) string {
	list := make([]string, 0, len(f.Addresses))
	for _, addr := range f.Addresses {
		list = append(list, bindAddress(netip.AddrPortFrom(addr, f.Listen)))
	}
	return strings.Join(list, ",")
}

// bindAddress marks the family: HAProxy would else take an unspecified IPv6 address for both.
func bindAddress(at netip.AddrPort) string {
	if at.Addr().Is6() {
		return "ipv6@" + at.String()
	}
	return "ipv4@" + at.String()
}
