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

// worksAgain exports a name and waits until both name servers serve a newer generation than before, with it. It
// returns how long after start, when the daemon came back, that was.
func (d *Drills) worksAgain(ctx context.Context, daemon string, start time.Time, before map[string]uint64) (time.Duration, error) {
	e := Export{Name: "after-loss", Port: 9100}
	if err := d.Create(ctx, e); err != nil {
		return 0, err
	}
	took, err := d.Expect(ctx, e.Domain(), Everyone(), start, recovery)
	if err != nil {
		return 0, fmt.Errorf("%s is back but a new export is not answered: %w", daemon, err)
	}
	after, err := d.generations(ctx)
	if err != nil {
		return 0, err
	}
	for ns, generation := range after {
		if generation <= before[ns] {
			return 0, fmt.Errorf("%s serves generation %d, and served %d before: it went back", ns, generation, before[ns])
		}
	}
	d.Say("%s is back: %v after its start a new name was answered, generations %v -> %v", daemon, took.Round(time.Millisecond), before, after)
	if err := d.Delete(ctx, e); err != nil {
		return 0, err
	}
	_, err = d.ExpectGone(ctx, e.Domain(), time.Now(), reaction)
	return took, err
}
