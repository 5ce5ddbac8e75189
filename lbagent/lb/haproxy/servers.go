package haproxy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tidegate.dev/tidegate/lbagent/lb"
)

// serverID is a server within its proxy.
type serverID struct{ proxy, name string }

func (id serverID) String() string { return id.proxy + "/" + id.name }

// serverState is a server as a worker has it. A server that is out takes nobody new and finishes what it has.
type serverState struct {
	addr netip.AddrPort
	out  bool
}

// errState is the reason for every answer of the runtime socket that cannot be read.
var errState = errors.New("not an answer that HAProxy gives")

// parseServers reads "show servers state" (HAProxy management guide, section 9.3).
func parseServers(text string) (map[serverID]serverState, error) {
	version, rest, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(version) != "1" {
		return nil, fmt.Errorf("%w: servers' state begins with %.40q, want version 1", errState, version)
	}
	head, rest, _ := strings.Cut(rest, "\n")
	columns := strings.Fields(strings.TrimPrefix(head, "#"))
	states := map[serverID]serverState{}
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		id, state, err := parseServer(columns, fields)
		if err != nil {
			return nil, err
		}
		states[id] = state
	}
	return states, nil
}

func parseServer(columns, fields []string) (serverID, serverState, error) {
	value := func(column string) string {
		if i := slices.Index(columns, column); i >= 0 && i < len(fields) {
			return fields[i]
		}
		return ""
	}
	id := serverID{proxy: value("be_name"), name: value("srv_name")}
	addr, errAddr := netip.ParseAddr(value("srv_addr"))
	port, errPort := strconv.ParseUint(value("srv_port"), 10, 16)
	admin, errAdmin := strconv.ParseUint(value("srv_admin_state"), 0, 32)
	if err := errors.Join(errAddr, errPort, errAdmin); err != nil || id.proxy == "" || id.name == "" {
		return serverID{}, serverState{}, fmt.Errorf("%w: server %.80q: %w", errState, strings.Join(fields, " "), err)
	}
	return id, serverState{addr: netip.AddrPortFrom(addr, uint16(port)), out: admin != 0}, nil
}

// command is one line for the runtime socket and the answers that mean success.
type command struct {
	line string
	// mayFail says that the next Apply tries again, and nobody waits for it.
	mayFail bool
}

// commands brings servers from what a worker has to what the config wants. New servers come before old ones leave, so
// that a replaced replica leaves no gap.
func commands(current map[serverID]serverState, config lb.Config) []command {
	var come, leave []command
	wanted := map[serverID]bool{}
	for _, f := range served(config) {
		for _, s := range f.Servers {
			id := serverID{proxy: proxyName(f), name: s.Name}
			wanted[id] = true
			come = append(come, bring(current, id, s.Addr)...)
		}
	}
	for _, id := range sortedIDs(current) {
		if !wanted[id] {
			leave = append(leave, remove(id, current[id])...)
		}
	}
	return append(come, leave...)
}

func bring(current map[serverID]serverState, id serverID, addr netip.AddrPort) []command {
	state, ok := current[id]
	if !ok {
		return []command{{line: fmt.Sprintf("add server %s %s %s; enable health %s; enable server %s", id, addr, serverOptions, id, id)}}
	}
	var list []command
	if state.addr != addr {
		list = append(list, command{line: fmt.Sprintf("set server %s addr %s port %d", id, addr.Addr(), addr.Port())})
	}
	if state.out {
		list = append(list, command{line: fmt.Sprintf("set server %s state ready", id)})
	}
	return list
}

// remove takes a server out; HAProxy refuses to delete it while streams last, so that part is tried again each time.
func remove(id serverID, state serverState) []command {
	deletion := command{line: fmt.Sprintf("del server %s", id), mayFail: true}
	if state.out {
		return []command{deletion}
	}
	return []command{{line: fmt.Sprintf("set server %s state maint", id)}, deletion}
}

func sortedIDs(states map[serverID]serverState) []serverID {
	ids := make([]serverID, 0, len(states))
	for id := range states {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b serverID) int { return strings.Compare(a.String(), b.String()) })
	return ids
}

// refusal is what the socket answered to a change if it is none of the sentences that HAProxy says on success.
func refusal(answer string) string {
	var wrong []string
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", line == "New server registered.", line == "Server deleted.":
		case strings.HasPrefix(line, "IP changed from"), strings.HasPrefix(line, "port changed from"), strings.HasPrefix(line, "no need to change"):
		default:
			wrong = append(wrong, line)
		}
	}
	return strings.Join(wrong, " ")
}
