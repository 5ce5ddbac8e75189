package drills

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
)

// ScaleSiteToZero keeps the sample off a site by an EdgePlacement of the other sites, measures how long until both name
// servers answer its clients with another, and takes the placement back.
func (d *Drills) ScaleSiteToZero(ctx context.Context, site string) (took time.Duration, err error) {
	var others []string
	for _, h := range d.Cluster.Plan.Sites() {
		if h.Name != site {
			others = append(others, h.Name)
		}
	}
	placement := fmt.Sprintf("apiVersion: tidegate.dev/v1alpha1\nkind: EdgePlacement\nmetadata: {name: without-%s, namespace: %s}\nspec:\n  sites: [%s]\n",
		site, daemons.SampleNamespace, strings.Join(others, ", "))
	file := filepath.Join(d.Cluster.Run(), "drill-placement.yaml")
	if err := os.WriteFile(file, []byte(placement), 0o644); err != nil {
		return 0, err
	}
	if _, err := d.kubectl(ctx, "hub", "apply", "-f", file); err != nil {
		return 0, err
	}
	if err := d.annotateSample(ctx, "tidegate.dev/placement=without-"+site); err != nil {
		return 0, err
	}
	took, err = d.Expect(ctx, daemons.SampleName, Without(site, heirOf[site]), time.Now(), reaction)
	err = errors.Join(err, d.annotateSample(context.WithoutCancel(ctx), "tidegate.dev/placement-"))
	if err != nil {
		return 0, fmt.Errorf("%s scaled to zero: %w", site, err)
	}
	d.Say("%s: scaled to zero; after %v no answer named it", site, took.Round(time.Millisecond))
	return took, d.wellAgain(ctx, daemons.SampleName, site+" is placed on again")
}

func (d *Drills) annotateSample(ctx context.Context, change string) error {
	_, err := d.kubectl(ctx, "hub", "-n", daemons.SampleNamespace, "annotate", "deployment", "chat", "--overwrite", change)
	return err
}
