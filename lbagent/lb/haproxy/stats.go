package haproxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tidegate.dev/tidegate/lbagent/lb"
)

// counters are what one worker says about one proxy or, summed, about one workload. Errors are known for HTTP only.
type counters struct {
	requests, errors5xx          uint64
	inFlight, queued, serversUp  int64
	hasErrors, frontend, backend bool
}

// The columns of "show stat" that are read, by the names of its header (HAProxy management guide, section 9.1).
const (
	colProxy, colService, colType    = "pxname", "svname", "type"
	colQueued, colCurrent, colTotal  = "qcur", "scur", "stot"
	colActive, colBackup             = "act", "bck"
	colErrors, colMode               = "hrsp_5xx", "mode"
	rowFrontend, rowBackend, rowServ = "0", "1", "2"
)

// parseStats reads the CSV of "show stat" into the counters of every proxy.
func parseStats(text string) (map[string]counters, error) {
	head, rest, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(head, "# "+colProxy+",") {
		return nil, fmt.Errorf("%w: statistics begin with %.40q", errState, head)
	}
	columns := strings.Split(strings.TrimPrefix(head, "# "), ",")
	proxies := map[string]counters{}
	for line := range strings.Lines(rest) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		r := row{columns: columns, fields: splitCSV(line)}
		proxy := r.text(colProxy)
		proxies[proxy] = r.addTo(proxies[proxy])
		if r.err != nil {
			return nil, r.err
		}
	}
	return proxies, nil
}

// splitCSV splits a line at its commas. Quoted fields keep theirs: HAProxy quotes the output of health checks.
func splitCSV(line string) []string {
	var fields []string
	quoted, start := false, 0
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ',' && !quoted:
			fields, start = append(fields, line[start:i]), i+1
		}
	}
	return append(fields, line[start:])
}

// row is one line of the statistics; the first number that cannot be read is kept in err.
type row struct {
	columns, fields []string
	err             error
}

func (r *row) text(column string) string {
	if i := slices.Index(r.columns, column); i >= 0 && i < len(r.fields) {
		return r.fields[i]
	}
	return ""
}

// number reads a column; an empty one is 0, since HAProxy leaves out what a row does not have. A current value fits 63
// bits, so a larger one is no number.
func (r *row) number(column string) uint64 {
	text := r.text(column)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: column %s of %.60q is %.40q", errState, column, r.text(colProxy), text)
	}
	return n
}

// addTo adds the row to its proxy. A TCP frontend counts connections; requests are in a table, see parseRequests. The
// backend knows what it has in hand: its current sessions with those that wait; servers have queues of their own.
func (r *row) addTo(c counters) counters {
	switch r.text(colType) {
	case rowFrontend:
		c.frontend = true
		if r.text(colMode) != string(lb.HTTP) {
			c.requests += r.number(colTotal)
		}
	case rowBackend:
		c.backend = true
		c.hasErrors = r.text(colMode) == string(lb.HTTP)
		c.errors5xx += r.number(colErrors)
		c.inFlight += int64(r.number(colCurrent) - min(r.number(colQueued), r.number(colCurrent)))
		c.queued += int64(r.number(colQueued))
		c.serversUp += int64(min(r.number(colActive)+r.number(colBackup), 1<<31))
	case rowServ:
		c.queued += int64(r.number(colQueued))
	}
	return c
}

// parseRequests reads "show table" of the requests into what was counted for every HTTP frontend. One that had no request
// yet is missing.
func parseRequests(text string) (map[string]uint64, error) {
	head, rest, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(head, "# table: "+requestTable+",") {
		return nil, fmt.Errorf("%w: the table of requests begins with %.40q", errState, head)
	}
	requests := map[string]uint64{}
	for line := range strings.Lines(rest) {
		frontend, number := "", ""
		for _, field := range strings.Fields(line) {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "key":
				frontend = value
			case "http_req_cnt":
				number = value
			}
		}
		if frontend == "" {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%w: the requests of %.60q are %.40q", errState, frontend, number)
		}
		requests[frontend] = n
	}
	return requests, nil
}

// parseProcesses reads "show proc" of the master: the current worker and the old ones that still have streams.
func parseProcesses(text string) (current int, old []int) {
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			section = strings.TrimSpace(strings.TrimPrefix(line, "#"))
			continue
		}
		first, _, _ := strings.Cut(line, " ")
		pid, err := strconv.Atoi(first)
		switch {
		case err != nil || pid <= 0:
		case section == "workers":
			current = pid
		case section == "old workers":
			old = append(old, pid)
		}
	}
	return current, old
}

// parseInfo reads "show info": the worker's process and the digest of what it was started with, empty if it is not ours.
func parseInfo(text string) (info workerInfo, err error) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch strings.ToLower(key) {
		case "pid":
			info.pid, err = strconv.Atoi(value)
		case "version":
			info.version = value
		case "description":
			info.digest, _ = strings.CutPrefix(value, marker)
		}
	}
	if err != nil || info.pid <= 0 {
		return workerInfo{}, fmt.Errorf("%w: information without a process", errState)
	}
	return info, nil
}

type workerInfo struct {
	pid             int
	version, digest string
}
