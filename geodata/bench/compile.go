package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"tidegate.dev/tidegate/geodata/load"
	"tidegate.dev/tidegate/gslb"
	"tidegate.dev/tidegate/gslb/plan"
)

// rounds is how often either side compiles, in turns; the medians are compared.
const rounds = 5

// cost is what a process took: from its start to its end, and at its peak, with the pages of the database that it has
// mapped.
type cost struct {
	wall  time.Duration
	bytes int64
}

func measure(cmd *exec.Cmd) (cost, error) {
	var says bytes.Buffer
	cmd.Stderr = &says
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("%s: %w\n%s", cmd.Path, err, says.String())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{time.Since(start), usage.Maxrss << 10}, nil
}

// compareCompile prints how long Tidegate takes from the database to the classes of 64 sites, and how much memory, both
// in parts of what gdnsd takes.
func compareCompile(g gdnsd, database string) error {
	var ours, theirs []cost
	for range rounds {
		for _, side := range []struct {
			cmd  *exec.Cmd
			into *[]cost
		}{{exec.Command(os.Args[0], "-compile", database), &ours}, {g.compile(), &theirs}} {
			c, err := measure(side.cmd)
			if err != nil {
				return err
			}
			*side.into = append(*side.into, c)
		}
	}
	us, them := medians(ours), medians(theirs)
	fmt.Printf("compile: Tidegate %.2f s, %d MB; gdnsd %.2f s, %d MB (medians of %d)\n",
		us.wall.Seconds(), us.bytes>>20, them.wall.Seconds(), them.bytes>>20, rounds)
	fmt.Printf("result geo.compile_time_vs_gdnsd %.2f ratio\n", us.wall.Seconds()/them.wall.Seconds())
	fmt.Printf("result geo.compile_memory_vs_gdnsd %.2f ratio\n", float64(us.bytes)/float64(them.bytes))
	return nil
}

func medians(costs []cost) cost {
	var walls []time.Duration
	var bytes []int64
	for _, c := range costs {
		walls, bytes = append(walls, c.wall), append(bytes, c.bytes)
	}
	slices.Sort(walls)
	slices.Sort(bytes)
	return cost{walls[len(walls)/2], bytes[len(bytes)/2]}
}

// compile is what the measured process does.
func compile(database string) (*plan.Geo, *plan.Classes, error) {
	table, err := load.Files(database)
	if err != nil {
		return nil, nil, err
	}
	geo := plan.NewGeo(table)
	return geo, geo.Classes(placed(), nil, likeGdnsd), nil
}

// likeGdnsd makes classes as gdnsd does: lists of three in the order of distance.
var likeGdnsd = plan.Rounding{Candidates: 3}

func placed() (list []*plan.Site) {
	for _, s := range sites() {
		list = append(list, &plan.Site{ID: gslb.SiteID(s.name), Location: s.Location})
	}
	return list
}
