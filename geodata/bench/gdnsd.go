package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// gdnsdTool is gdnsd's own tool to ask its geoip plugin; Debian's gdnsd has it. It loads what the server would.
const gdnsdTool = "gdnsd_geoip_test"

// gdnsdMap is the name of the one map.
const gdnsdMap = "m"

// gdnsd is a folder with a configuration that steers by distance to the 64 sites, with its default list of three.
type gdnsd struct{ folder string }

func newGdnsd(database string) (gdnsd, error) {
	if _, err := exec.LookPath(gdnsdTool); err != nil {
		return gdnsd{}, fmt.Errorf("%s is missing; install Debian's gdnsd: apt-get install gdnsd", gdnsdTool)
	}
	folder, err := os.MkdirTemp("", "bench-geo-")
	if err != nil {
		return gdnsd{}, err
	}
	var names, places, targets []string
	for i, s := range sites() {
		names = append(names, s.name)
		places = append(places, fmt.Sprintf("%s = [ %.2f, %.2f ]", s.name, float64(s.LatMicro)/1e6, float64(s.LonMicro)/1e6))
		targets = append(targets, fmt.Sprintf("%s => 192.0.2.%d", s.name, i+1))
	}
	text := fmt.Sprintf(`options => { run_dir => %[1]s/run, state_dir => %[1]s/state, listen => [127.0.0.1] }
plugins => { geoip => {
  maps => { %s => { geoip2_db => %s, datacenters => [%s], auto_dc_coords => { %s } } },
  resources => { r => { map => %[2]s, dcmap => { %[6]s } } }
} }
`, folder, gdnsdMap, database, strings.Join(names, ", "), strings.Join(places, ", "), strings.Join(targets, ", "))
	for _, sub := range []string{"run", "state", "geoip"} {
		if err := os.Mkdir(filepath.Join(folder, sub), 0o755); err != nil {
			return gdnsd{}, err
		}
	}
	return gdnsd{folder}, os.WriteFile(filepath.Join(folder, "config"), []byte(text), 0o644)
}

func (g gdnsd) close() { os.RemoveAll(g.folder) }

// compile loads the database, answers once and ends.
func (g gdnsd) compile() *exec.Cmd {
	return exec.Command(gdnsdTool, "-c", g.folder, gdnsdMap, "8.8.8.8")
}

// answer is what gdnsd says for a client: data centres by distance, and the network that it says so for.
type answer struct {
	sites []string
	scope netip.Prefix
}

// ask feeds all addresses to one process.
func (g gdnsd) ask(addrs []netip.Addr) ([]answer, error) {
	var questions bytes.Buffer
	for _, addr := range addrs {
		fmt.Fprintln(&questions, gdnsdMap, addr)
	}
	cmd := exec.Command(gdnsdTool, "-c", g.folder)
	cmd.Stdin = &questions
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", gdnsdTool, err)
	}
	var answers []answer
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if a, ok := parseAnswer(lines.Text()); ok {
			answers = append(answers, a)
		}
	}
	if len(answers) != len(addrs) {
		return nil, fmt.Errorf("%s answered %d of %d questions", gdnsdTool, len(answers), len(addrs))
	}
	return answers, nil
}

// parseAnswer reads a line such as "m => 8.8.8.8/24 => sjc, lax, sea", with a prompt before it or not.
func parseAnswer(line string) (answer, bool) {
	_, rest, found := strings.Cut(line, gdnsdMap+" => ")
	network, list, both := strings.Cut(rest, " => ")
	scope, err := netip.ParsePrefix(network)
	if !found || !both || err != nil {
		return answer{}, false
	}
	return answer{sites: strings.Split(strings.TrimSpace(list), ", "), scope: scope.Masked()}, true
}
