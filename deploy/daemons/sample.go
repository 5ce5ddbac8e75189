package daemons

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"tidegate.dev/tidegate/deploy/devcluster"
	"tidegate.dev/tidegate/deploy/devcluster/layout"
)

// Clients are networks whose site everybody can tell, with the site.
var Clients = []struct {
	Who    string
	Subnet netip.Prefix
	Site   string
}{
	{"Germany", netip.MustParsePrefix("84.128.0.0/16"), "fra"},
	{"China Telecom", netip.MustParsePrefix("36.110.0.0/16"), "pek"},
	{"the US", netip.MustParsePrefix("71.62.0.0/16"), "iad"},
}

func (f *fleet) pushSample(ctx context.Context) error {
	if f.cluster.Plan.Mode == layout.Loopback {
		return nil // fake nodes pull nothing
	}
	_, err := f.cluster.PushImage(ctx, SampleImage, f.bin("chat"))
	return err
}

// deploySample applies the sample and waits until both name servers answer each client with its site.
func (f *fleet) deploySample(ctx context.Context) error {
	f.say("deploying the sample as %s", SampleName)
	if err := f.apply(ctx, "-f", filepath.Join(f.cluster.Deploy(), "examples", "chat.yaml")); err != nil {
		return err
	}
	rollout := []string{"-n", SampleNamespace, "rollout", "status", "deployment/chat", "--timeout=3m"}
	if _, err := f.cluster.Kubectl(ctx, "hub", rollout...); err != nil {
		return fmt.Errorf("the sample's pods are not ready: %w", err)
	}
	for _, ns := range NameServers {
		for _, client := range Clients {
			err := f.cluster.Await(ctx, ns, "to answer "+client.Who+" with "+client.Site, func() (bool, error) {
				answer, err := Ask(ctx, f.cluster, ns, SampleName, client.Subnet)
				return err == nil && answer.Site == client.Site, err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Answer is what a name server said.
type Answer struct {
	Rcode     int
	Addresses []netip.Addr
	// Site is the site that all the addresses belong to; empty if there is none.
	Site  string
	TTL   time.Duration
	Scope int
}

// askTimeout bounds one question.
const askTimeout = 2 * time.Second

// Ask asks a name server, from the machine, for the A records of a name on behalf of a client subnet.
func Ask(ctx context.Context, c *devcluster.Cluster, ns, name string, subnet netip.Prefix) (Answer, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	question.SetEdns0(1232, false)
	option := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(subnet.Bits()), Address: subnet.Addr().AsSlice()}
	question.IsEdns0().Option = append(question.IsEdns0().Option, option)
	client := &dns.Client{Timeout: askTimeout}
	reply, _, err := client.ExchangeContext(ctx, question, c.Plan.Must(ns).At(PortDNS))
	if err != nil {
		return Answer{}, fmt.Errorf("ask %s: %w", ns, err)
	}
	return read(c.Plan, reply), nil
}

func read(plan layout.Plan, reply *dns.Msg) Answer {
	answer := Answer{Rcode: reply.Rcode}
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			addr, _ := netip.AddrFromSlice(a.A.To4())
			answer.Addresses = append(answer.Addresses, addr)
			answer.TTL = time.Duration(a.Hdr.Ttl) * time.Second
		}
	}
	if opt := reply.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if subnet, ok := option.(*dns.EDNS0_SUBNET); ok {
				answer.Scope = int(subnet.SourceScope)
			}
		}
	}
	for _, site := range plan.Sites() {
		if len(answer.Addresses) > 0 && !slices.ContainsFunc(answer.Addresses, func(a netip.Addr) bool { return !slices.Contains(site.More, a) }) {
			answer.Site = site.Name
		}
	}
	return answer
}

// Welcome is what people read when everything is up.
func Welcome(plan layout.Plan) string {
	var b strings.Builder
	ns := plan.Must(NameServers[0]).Addr
	fmt.Fprintf(&b, "\nTidegate is up. Ask as a client somewhere else:\n\n")
	for _, client := range Clients {
		fmt.Fprintf(&b, "  dig @%s -p %d %s +short +subnet=%-15s # %s: %s\n", ns, PortDNS, SampleName, client.Subnet, client.Who, plan.Must(client.Site).Place)
	}
	if plan.Mode != layout.Loopback {
		fmt.Fprintf(&b, "\nTalk to the one that answers:\n\n"+
			"  curl -N http://$(dig @%s -p %d %s +short +subnet=%s):8080/v1/chat/completions \\\n"+
			"    -H 'Content-Type: application/json' -d '{\"model\": \"tide-1\", \"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}'\n",
			ns, PortDNS, SampleName, Clients[0].Subnet)
	}
	fmt.Fprintf(&b, "\nSee why, and what the hub sees:\n\n"+
		"  bin/tidegate explain %s --client %s --socket .run/admin/ns1.sock\n"+
		"  bin/tidegate status --socket .run/admin/%s.sock\n"+
		"  cd deploy && go run ./dev kubectl hub get dex -A\n\n", SampleName, Clients[0].Subnet, Hub)
	return b.String()
}
