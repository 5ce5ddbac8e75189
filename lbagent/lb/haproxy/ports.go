package haproxy

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"tidegate.dev/tidegate/lbagent/lb"
)

// admit splits off the frontends that HAProxy would not take or could not listen for: one of them would make it refuse
// the whole configuration, and with it every later change of every other workload.
func admit(config lb.Config) (lb.Config, error) {
	var (
		good     lb.Config
		problems []error
	)
	for _, f := range config.Frontends {
		if err := errors.Join(checkNames(f), tryBinds(f)); err != nil {
			problems = append(problems, &lb.FrontendError{Workload: f.Workload, Err: err})
			continue
		}
		good.Frontends = append(good.Frontends, f)
	}
	return good, errors.Join(problems...)
}

func tryBinds(f lb.Frontend) error {
	for _, addr := range f.Addresses {
		at := netip.AddrPortFrom(addr, f.Listen)
		if err := tryBind(at); err != nil {
			return fmt.Errorf("listen on %s: %w: free the port, or give the site an address it has", at, err)
		}
	}
	return nil
}

// tryBind binds and lets go without listening, so it takes no connection. Like HAProxy it shares the port
// (SO_REUSEPORT), so HAProxy's own sockets are not in the way while anyone else's are.
func tryBind(at netip.AddrPort) error {
	family, addr := sockaddr(at)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	options := []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT}
	for _, option := range options {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return err
		}
	}
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return err
		}
	}
	return unix.Bind(fd, addr)
}

func sockaddr(at netip.AddrPort) (family int, addr unix.Sockaddr) {
	if at.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}
