package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// stat is what we need of /proc/PID/stat.
type stat struct {
	state  byte
	parent int
	ticks  uint64
}

func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(data))
}

// parseStat reads proc(5)'s fields 3, 4 and 22. The name before them is in brackets and may itself hold brackets and
// blanks, so the count starts after the last one.
func parseStat(line string) (stat, error) {
	end := strings.LastIndexByte(line, ')')
	fields := strings.Fields(line[end+1:])
	if end < 0 || len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, fmt.Errorf("process status %q is not in the form of proc(5)", line)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return stat{}, fmt.Errorf("process status: parent: %w", err)
	}
	ticks, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("process status: start time: %w", err)
	}
	return stat{state: fields[0][0], parent: parent, ticks: ticks}, nil
}

var bootID = sync.OnceValue(func() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // absent: every boot looks the same, the ticks still differ
	return strings.TrimSpace(string(data))
})

// Memory is a process' share of the memory in bytes: pages that several processes use are split among them, so that a
// sum over processes is right. Where the kernel does not tell (not our user), it is the resident size.
func Memory(pid int) int64 {
	if kb, ok := field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:"); ok {
		return kb << 10
	}
	kb, _ := field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
	return kb << 10
}

func field(path, key string) (int64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == key {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
