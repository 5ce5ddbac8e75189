package main

import (
	"net"
	"testing"

	"github.com/miekg/dns"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
)

func TestResolverFlag(t *testing.T) {
	for value, good := range map[string]bool{"192.0.2.53": true, "192.0.2.53:5353": true, "2001:db8::53": true,
		"[2001:db8::53]": true, "[2001:db8::53]:5353": true, "": false, "dns.example": false, "dns.example:53": false, ":53": false} {
		if err := new(options).setResolver(value); (err == nil) != good {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// dnsServer answers with records, as a resolver does that gives the whole chain in one answer.
func dnsServer(t *testing.T, records ...string) (address string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var answer []dns.RR
	for _, record := range records {
		rr, err := dns.NewRR(record)
		if err != nil {
			t.Fatal(err)
		}
		answer = append(answer, rr)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true
		for at, rr := range answer {
			if rr.Header().Name == q.Question[0].Name {
				m.Answer = append(m.Answer, answer[at:]...)
			}
		}
		if len(m.Answer) == 0 {
			m.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return conn.LocalAddr().String()
}

// TestDomainIsVerified: the hub finds the CNAME that the owner of a domain outside its zones has added, behind another one.
func TestDomainIsVerified(t *testing.T) {
	r := newRig(t)
	resolver, err := newResolver(dnsServer(t, "talk.example.com. 60 IN CNAME talk.example.net.",
		"talk.example.net. 60 IN CNAME CHAT.shop.edge.example.", "CHAT.shop.edge.example. 60 IN A 192.0.2.30"))
	if err != nil {
		t.Fatal(err)
	}
	r.change = func(o *options) { o.resolver, o.busListen = resolver, freeAddress(t) }
	labels := map[string]string{"app": "chat"}
	chat := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat", UID: "d1",
		Annotations: map[string]string{"tidegate.dev/domain": "talk.example.com", "tidegate.dev/port": "80:8080"}},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "chat", Image: "registry.example/chat:v1"}}}}}}
	if err := r.api.Create(t.Context(), chat); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.until("talk.example.com is verified", func() bool {
		dex := &v1alpha1.DomainExport{}
		if err := r.api.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "chat"}, dex); err != nil {
			return false
		}
		c := meta.FindStatusCondition(dex.Status.Conditions, v1alpha1.ConditionVerified)
		return c != nil && c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonCNAMEFound
	})
}
