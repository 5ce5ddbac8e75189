package drills

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tidegate.dev/tidegate/deploy/daemons"
)

// generations reads what each name server serves.
func (d *Drills) generations(ctx context.Context) (map[string]uint64, error) {
	served := map[string]uint64{}
	for _, ns := range daemons.NameServers {
		out, err := daemons.Tidegate(ctx, d.Cluster, ns, "status", "-o", "json")
		if err != nil {
			return nil, err
		}
		var status struct {
			Generation uint64 `json:"generation"`
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			return nil, fmt.Errorf("status of %s: %w", ns, err)
		}
		served[ns] = status.Generation
	}
	return served, nil
}

// hubWorks exports a name and waits until both name servers serve a newer generation than before, with it.
func (d *Drills) hubWorks(ctx context.Context, before map[string]uint64) error {
	start := time.Now()
	e := Export{Name: "after-loss", Port: 9100}
	if err := d.Create(ctx, e); err != nil {
		return err
	}
	if _, err := d.Expect(ctx, e.Domain(), Everyone(), start, recovery); err != nil {
		return fmt.Errorf("the hub is back but exports nothing: %w", err)
	}
	after, err := d.generations(ctx)
	if err != nil {
		return err
	}
	for ns, generation := range after {
		if generation <= before[ns] {
			return fmt.Errorf("%s serves generation %d, and served %d before: it went back", ns, generation, before[ns])
		}
	}
	d.Say("the hub is back: %v after its start a new name was answered, generations %v -> %v",
		time.Since(start).Round(time.Millisecond), before, after)
	start = time.Now()
	if err := d.Delete(ctx, e); err != nil {
		return err
	}
	_, err = d.ExpectGone(ctx, e.Domain(), start, reaction)
	return err
}
