package haproxy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tidegate.dev/tidegate/lbagent/lb"
)

// maxNameBytes keeps the lines of the configuration below HAProxy's limit of 2,048.
const maxNameBytes = 512

// errName is the reason for every name that could change the meaning of a configuration or a command.
var errName = errors.New("cannot stand in a configuration of HAProxy")

// proxyName names the frontend and the backend of a workload's port. Kubernetes names hold no colon, so it is unique.
func proxyName(f lb.Frontend) string {
	return strings.ReplaceAll(f.Workload, "/", ":") + ":" + strconv.Itoa(int(f.Listen))
}

func checkNames(f lb.Frontend) error {
	if err := checkName("workload", strings.ReplaceAll(f.Workload, "/", ":")); err != nil {
		return err
	}
	for _, s := range f.Servers {
		if err := checkName("server", s.Name); err != nil {
			return err
		}
	}
	return checkPath(f.Check.HTTPPath)
}

func checkName(what, name string) error {
	if name == "" || len(name) > maxNameBytes {
		return fmt.Errorf("%s %.40q %w: it has %d characters, want 1 to %d", what, name, errName, len(name), maxNameBytes)
	}
	for _, c := range []byte(name) {
		if !isNameByte(c) {
			return fmt.Errorf("%s %.40q %w: character %q", what, name, errName, c)
		}
	}
	return nil
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:", c) >= 0
}

// checkPath takes what a request line can hold and what no quoting, comment or log format of HAProxy reads otherwise.
func checkPath(path string) error {
	if path == "" {
		return nil
	}
	if path[0] != '/' || len(path) > maxNameBytes {
		return fmt.Errorf("health path %.40q %w: want a slash and at most %d characters", path, errName, maxNameBytes)
	}
	for _, c := range []byte(path) {
		if c <= ' ' || c > '~' || strings.IndexByte(`"'\#$%`, c) >= 0 {
			return fmt.Errorf("health path %.40q %w: character %q", path, errName, c)
		}
	}
	return nil
}
