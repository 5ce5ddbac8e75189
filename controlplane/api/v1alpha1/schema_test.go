package v1alpha1_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"

	"tidegate.dev/tidegate/controlplane/api/v1alpha1"
)

const crdFolder = "../../../deploy/crds"

// crd is the part of a CustomResourceDefinition that the tests look at.
type crd struct {
	Spec struct {
		Group string
		Names struct {
			Kind       string
			Categories []string
		}
		Versions []struct {
			Name         string
			Subresources map[string]any
			Columns      []struct {
				JSONPath string `json:"jsonPath"`
			} `json:"additionalPrinterColumns"`
			Schema struct {
				OpenAPIV3Schema spec.Schema `json:"openAPIV3Schema"`
			}
		}
	}
}

func loadCRDs(t *testing.T) map[string]crd {
	t.Helper()
	files, err := filepath.Glob(crdFolder + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions in %s: %v", crdFolder, err)
	}
	byKind := map[string]crd{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c crd
		if err := yaml.Unmarshal(data, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		byKind[c.Spec.Names.Kind] = c
	}
	return byKind
}

func documents(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n---\n")
}

// problems validates a document against the schema of its kind.
func problems(t *testing.T, crds map[string]crd, document string) string {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		t.Fatal(err)
	}
	c, ok := crds[object["kind"].(string)]
	if !ok {
		t.Fatalf("no definition for kind %v", object["kind"])
	}
	schema := c.Spec.Versions[0].Schema.OpenAPIV3Schema
	result := validate.NewSchemaValidator(&schema, nil, "", strfmt.Default).Validate(object)
	if result.IsValid() {
		return ""
	}
	return result.AsError().Error()
}

func TestExamplesValidate(t *testing.T) {
	crds := loadCRDs(t)
	for _, document := range documents(t, "testdata/good.yaml") {
		if got := problems(t, crds, document); got != "" {
			t.Errorf("refused: %s\n%s", got, document)
		}
	}
}

func TestWrongObjectsAreRefused(t *testing.T) {
	crds := loadCRDs(t)
	for _, document := range documents(t, "testdata/bad.yaml") {
		comments := strings.Split(strings.SplitN(document, "\napiVersion", 2)[0], "\n")
		field := strings.TrimPrefix(comments[len(comments)-1], "# ")
		if got := problems(t, crds, document); !strings.Contains(got, field) {
			t.Errorf("problems are %q, want one at %s:\n%s", got, field, document)
		}
	}
}

func TestExamplesRoundTrip(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, document := range documents(t, "testdata/good.yaml") {
		object, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, document)
			continue
		}
		data, err := json.Marshal(object.DeepCopyObject())
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := decoder.Decode(data, nil, nil)
		if err != nil || !reflect.DeepEqual(object, again) {
			t.Errorf("%v: %+v became %+v", err, object, again)
		}
	}
}

func TestDefinitions(t *testing.T) {
	for kind, c := range loadCRDs(t) {
		if c.Spec.Group != v1alpha1.GroupName || c.Spec.Versions[0].Name != v1alpha1.GroupVersion.Version {
			t.Errorf("%s is in %s/%s", kind, c.Spec.Group, c.Spec.Versions[0].Name)
		}
		if len(c.Spec.Names.Categories) != 1 || c.Spec.Names.Categories[0] != "tidegate" {
			t.Errorf("%s has categories %v", kind, c.Spec.Names.Categories)
		}
		_, hasStatus := c.Spec.Versions[0].Subresources["status"]
		if hasStatus != (kind != "EdgePlacement") {
			t.Errorf("%s has a status subresource: %v", kind, hasStatus)
		}
		for _, column := range c.Spec.Versions[0].Columns {
			if kind == "Site" && column.JSONPath == ".spec.lines" {
				t.Error("kubectl prints a list as JSON: leave it out of the columns of Sites")
			}
		}
	}
}

// TestAgesAreTrue: kubectl writes a date as an age, so a column must not show one that is written only now and then.
func TestAgesAreTrue(t *testing.T) {
	for kind, c := range loadCRDs(t) {
		for _, column := range c.Spec.Versions[0].Columns {
			if column.JSONPath == ".status.lastReport" {
				t.Errorf("%s has a column of %s, which is written every 30 s and read as seconds since a report", kind, column.JSONPath)
			}
		}
	}
}
