package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
	"tidegate.dev/tidegate/deploy/drills"
)

// A wrong annotation is an Event and a condition on the export, and never costs what was served.
func TestWrongAnnotations(t *testing.T) {
	d := newDrills()
	good := drills.Export{Name: "wrong", Port: 9050}
	ctx := drillContext(t)
	check(t, d.Create(ctx, good))
	t.Cleanup(func() { check(t, d.Delete(context.WithoutCancel(ctx), good)) })
	_, err := d.Expect(ctx, good.Domain(), drills.Everyone(), time.Now(), time.Minute)
	check(t, err)

	for name, wrong := range map[string]struct{ annotation, value, said string }{
		"bad name":                {"domain", "no_dots..example", "no_dots..example"},
		"name of another's":       {"domain", daemons.SampleName, daemons.SampleName},
		"bad port":                {"port", "70000", "70000"},
		"negative capacity":       {"capacity", "-1/s", "-1/s"},
		"unknown steering":        {"steering", "by-the-moon", "by-the-moon"},
		"unknown placement":       {"placement", "nowhere", "nowhere"},
		"watermarks upside down":  {"watermarks", "90,70", "90,70"},
		"health without protocol": {"health", "/healthz", "/healthz"},
	} {
		t.Run(name, func(t *testing.T) {
			before := annotation(ctx, t, good.Name, wrong.annotation)
			annotate(ctx, t, good.Name, "tidegate.dev/"+wrong.annotation+"="+wrong.value)
			defer annotate(ctx, t, good.Name, restore(wrong.annotation, before))
			poll(ctx, t, "the condition Accepted=False", func() (bool, string) {
				condition := kubectl(ctx, t, "hub", "-n", drills.Namespace, "get", "dex", good.Name, "-o",
					`jsonpath={.status.conditions[?(@.type=="Accepted")].status} {.status.conditions[?(@.type=="Accepted")].message}`)
				return strings.HasPrefix(condition, "False ") && strings.Contains(condition, wrong.said), condition
			})
			poll(ctx, t, "a Warning event", func() (bool, string) {
				events := kubectl(ctx, t, "hub", "-n", drills.Namespace, "get", "events", "--field-selector", "type=Warning",
					"-o", "jsonpath={.items[*].message}")
				return strings.Contains(events, wrong.said), events
			})
			_, err := d.Expect(ctx, good.Domain(), drills.Everyone(), time.Now(), soon)
			check(t, err)
		})
	}
}

func annotation(ctx context.Context, t *testing.T, deployment, key string) string {
	t.Helper()
	return kubectl(ctx, t, "hub", "-n", drills.Namespace, "get", "deployment", deployment, "-o",
		fmt.Sprintf(`jsonpath={.metadata.annotations.tidegate\.dev/%s}`, key))
}

func annotate(ctx context.Context, t *testing.T, deployment, change string) {
	t.Helper()
	kubectl(ctx, t, "hub", "-n", drills.Namespace, "annotate", "deployment", deployment, "--overwrite", change)
}

// restore is the change that puts an annotation back.
func restore(key, value string) string {
	if value == "" {
		return "tidegate.dev/" + key + "-"
	}
	return "tidegate.dev/" + key + "=" + value
}
