package hub

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/gslb/bus"
)

// TestTokenForWhomThereIs: a token is for a site that has its Site, or for another name.
func TestTokenForWhomThereIs(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(&v1alpha1.Site{ObjectMeta: metav1.ObjectMeta{Name: "fra"}}).Build()
	a := Admin{CheckMember: CheckMember(reader)}
	a.NewToken = func(context.Context, bus.Role, string) (string, error) { return "secret", nil }
	for body, want := range map[string]string{
		`{"role":"site","name":"fra"}`:       "secret",
		`{"role":"site","name":"zzz"}`:       "there is no Site zzz: kubectl apply a Site of that name first",
		`{"role":"nameserver","name":"ns1"}`: "secret",
		`{"role":"nameserver","name":"fra"}`: "fra is the name of a Site: choose another name for the nameserver",
	} {
		answer := httptest.NewRecorder()
		Handler(func() Admin { return a }).ServeHTTP(answer, httptest.NewRequest("POST", "/v1/tokens", strings.NewReader(body)))
		if got := answer.Body.String(); !strings.Contains(got, want) || (answer.Code == 200) != (want == "secret") {
			t.Errorf("%s: %d %s, want %s", body, answer.Code, got, want)
		}
	}
}

// TestLateWork: a site that does not apply its work in time is not ok.
func TestLateWork(t *testing.T) {
	begun, l := time.Now(), lateness{}
	for _, step := range []struct {
		after   time.Duration
		applied uint64
		want    string
	}{{0, 5, "ok"}, {10 * time.Second, 5, "ok"}, {12 * time.Second, 5, "work not applied for 12s"},
		{13 * time.Second, 6, "ok"}, {14 * time.Second, 5, "ok"}} {
		sites := []SiteReportStatus{{Name: "fra", WorkApplied: step.applied, Work: 6}}
		l.note(sites, begun.Add(step.after))
		if got := sites[0].State(); got != step.want {
			t.Errorf("after %v: %q, want %q", step.after, got, step.want)
		}
	}
}
