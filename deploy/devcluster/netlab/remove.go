package netlab

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vishvananda/netlink"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// Remove takes everything away that bears our names, whichever run made it, the guard last. What is not there is no
// error. No process may be left in a namespace: it would keep it.
func Remove() error {
	links, err := links()
	if err != nil {
		return err
	}
	var errs []error
	for _, link := range links { // the bridge is the last of them
		errs = append(errs, deleteLink(link))
	}
	for _, name := range namespaces() {
		errs = append(errs, removeNetns(name))
	}
	_ = os.Remove(folder) // only if it is empty: others' namespaces stay
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the guard routes stay, since the network is not all gone: %w", err)
	}
	return removeGuard()
}

// Leftovers names what of ours is on the machine.
func Leftovers() ([]string, error) {
	var left []string
	links, err := links()
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		left = append(left, "interface "+link.Attrs().Name)
	}
	for _, name := range namespaces() {
		left = append(left, "network namespace "+name)
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, route := range routes {
		if dst, ok := prefix(route.Dst); ok && (dst == layout.Range4 || dst == layout.Range6) {
			left = append(left, "route "+dst.String())
		}
	}
	return left, nil
}

func links() ([]netlink.Link, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var veths, bridges []netlink.Link
	for _, link := range all {
		switch a := link.Attrs(); {
		case strings.HasPrefix(a.Name, layout.VethPrefix):
			veths = append(veths, link)
		case a.Name == layout.Bridge && strings.HasPrefix(a.Alias, aliasPrefix):
			bridges = append(bridges, link)
		}
	}
	return append(veths, bridges...), nil
}

func deleteLink(link netlink.Link) error {
	err := netlink.LinkDel(link)
	if err == nil || errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if _, gone := netlink.LinkByIndex(link.Attrs().Index); gone != nil {
		return nil // it went with its other end
	}
	return fmt.Errorf("delete interface %s: %w", link.Attrs().Name, err)
}
