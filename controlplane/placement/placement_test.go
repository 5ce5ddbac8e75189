package placement_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
	"tidegate.dev/tidegate/controlplane/export"
	"tidegate.dev/tidegate/controlplane/placement"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/scheduler"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func load(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err == nil {
		err = yaml.UnmarshalStrict(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func deployment(t *testing.T) placement.Workload {
	t.Helper()
	var d appsv1.Deployment
	load(t, "deployment.yaml", &d)
	return placement.Workload{Deployment: &d}
}

func statefulSet(t *testing.T) placement.Workload {
	t.Helper()
	var s appsv1.StatefulSet
	load(t, "statefulset.yaml", &s)
	return placement.Workload{StatefulSet: &s}
}

func bundle(t *testing.T, w placement.Workload, source export.Source, replicas int) []byte {
	t.Helper()
	spec, err := export.Read(source)
	if err != nil {
		t.Fatal(err)
	}
	b, err := placement.Bundle(w, spec, replicas)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

func TestBundleGolden(t *testing.T) {
	d, s := deployment(t), statefulSet(t)
	golden(t, "deployment.json", bundle(t, d, export.FromDeployment(d.Deployment), 2))
	golden(t, "statefulset.json", bundle(t, s, export.FromStatefulSet(s.StatefulSet), 0))
	if *d.Deployment.Spec.Replicas != 6 || d.Deployment.Annotations["tidegate.dev/domain"] == "" {
		t.Error("the hub's own object was changed")
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := "testdata/" + file
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run go test ./controlplane/placement -update and read the diff. Got:\n%s", path, got)
	}
}

func TestUnsupported(t *testing.T) {
	want := []string{"ConfigMap settings", "Secret tls", "PersistentVolumeClaim data", "ConfigMap more", "Secret token",
		"ConfigMap env", "Secret pull", "ServiceAccount reader"}
	if got := statefulSet(t).Unsupported(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := deployment(t).Unsupported(); got != nil {
		t.Errorf("got %v of a workload that needs nothing", got)
	}
}

func TestLongNamesFitALabel(t *testing.T) {
	w := deployment(t)
	w.Deployment.Name = strings.Repeat("long", 40)
	b, err := placement.Bundle(w, v1alpha1.DomainExportSpec{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Selector[placement.LabelWorkload]; len(got) != 63 || !strings.HasPrefix(got, "deployment.longlong") {
		t.Errorf("label %q", got)
	}
}

func TestPolicy(t *testing.T) {
	var p v1alpha1.EdgePlacement
	load(t, "edgeplacement.yaml", &p)
	want := scheduler.Policy{Name: "europe", Sites: []gslb.SiteID{"fra", "ams"}, Regions: []string{"eu"},
		Lines: []gslb.Line{"default"}, Accelerators: []string{"nvidia-l4"}, MinSites: 1, MaxSites: 3}
	if got := placement.Policy(&p); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestExcluded(t *testing.T) {
	gpu := &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gpu"}}
	wrong := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
	tests := []struct {
		selector *metav1.LabelSelector
		labels   map[string]string
		want     string
	}{
		{nil, nil, ""},
		{gpu, map[string]string{"tier": "gpu", "x": "y"}, ""},
		{gpu, map[string]string{"tier": "cpu"}, "its labels do not match tier=gpu"},
		{wrong, nil, "the site selector is wrong"},
	}
	for _, test := range tests {
		got := placement.Excluded(test.selector, test.labels)
		if got != test.want && (test.want == "" || !strings.HasPrefix(got, test.want)) {
			t.Errorf("Excluded(%v, %v) = %q, want %q", test.selector, test.labels, got, test.want)
		}
	}
}
