package node

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/admin"
	"tidegate.dev/tidegate/gslb/plan"
	"tidegate.dev/tidegate/gslb/steer"
)

// AdminHandler is the name server's admin API: GET /v1/status, and GET /v1/explain with name, client and type.
func (n *Node) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		admin.WriteJSON(w, n.Status())
	})
	mux.HandleFunc("GET /v1/explain", func(w http.ResponseWriter, r *http.Request) {
		trace, err := n.explain(r.FormValue("name"), r.FormValue("client"), r.FormValue("type"))
		if err != nil {
			admin.WriteError(w, http.StatusBadRequest, err)
			return
		}
		admin.WriteJSON(w, trace)
	})
	return mux
}

func (n *Node) explain(name, client, qtype string) (steer.Trace, error) {
	snapshot := n.store.Load()
	if snapshot.Plan == nil {
		return steer.Trace{}, errors.New("the name server has no map yet: look at its status")
	}
	asked, err := gslb.ParseName(name)
	if err != nil {
		return steer.Trace{}, err
	}
	subnet, err := parseClient(client)
	if err != nil {
		return steer.Trace{}, err
	}
	family, err := parseFamily(qtype)
	if err != nil {
		return steer.Trace{}, err
	}
	index, ok := snapshot.Plan.Service(asked)
	if !ok {
		return steer.Trace{}, fmt.Errorf("%s is not a steered name of generation %d: 'tidegate status' lists them", asked, snapshot.Generation)
	}
	return steer.Explain(snapshot, asked, steer.Query{Service: index, Family: family, Client: subnet, At: time.Now().Unix()}), nil
}

// parseClient reads an address, as a resolver's own, or a network, as a client subnet.
func parseClient(s string) (gslb.ClientSubnet, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return gslb.Resolver(addr), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return gslb.ClientSubnet{}, fmt.Errorf("client %q is neither an address such as 84.128.0.1 nor a network such as 84.128.0.0/16", s)
	}
	return gslb.Client(prefix, true), nil
}

func parseFamily(qtype string) (plan.Family, error) {
	switch qtype {
	case "", "A":
		return plan.IPv4, nil
	case "AAAA":
		return plan.IPv6, nil
	}
	return 0, fmt.Errorf("type %q is not steered: want A or AAAA", qtype)
}
