package devcluster

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"tidegate.dev/tidegate/deploy/devcluster/layout"
	"tidegate.dev/tidegate/deploy/devcluster/proc"
)

// Process is what Status knows about one process.
type Process struct {
	Name, Host string
	PID        int // 0: it does not run
	Since      time.Time
	Memory     int64 // bytes; shared pages are split among those who share them
}

// Status lists the run's processes, and for each node what its containers take.
func (c *Cluster) Status() ([]Process, error) {
	records, err := c.procs.Records()
	if err != nil {
		return nil, err
	}
	var all []Process
	known := map[int]bool{}
	for _, rec := range records {
		p := Process{Name: rec.Name, Host: rec.Host, Since: rec.Started}
		if rec.Alive() {
			p.PID, p.Memory = rec.PID, proc.Memory(rec.PID)
			known[rec.PID] = true
		}
		all = append(all, p)
	}
	for _, rec := range records {
		if rec.Init && rec.Alive() {
			all = append(all, containers(rec, known))
		}
	}
	return all, nil
}

func containers(init proc.Record, known map[int]bool) Process {
	p := Process{Host: init.Host, PID: init.PID, Since: init.Started}
	count := 0
	for _, pid := range proc.InNamespaceOf(init.PID) {
		if !known[pid] {
			count++
			p.Memory += proc.Memory(pid)
		}
	}
	p.Name = fmt.Sprintf("%s.(%d shims)", init.Host, count)
	return p
}

// PrintStatus writes the status as a table.
func (c *Cluster) PrintStatus(w io.Writer) error {
	all, err := c.Status()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROCESS\tPID\tUP\tMEMORY")
	var total int64
	for _, p := range all {
		total += p.Memory
		fmt.Fprintln(table, p.row())
	}
	fmt.Fprintf(table, "total\t\t\t%d MB\n", total>>20)
	if err := table.Flush(); err != nil {
		return err
	}
	return c.printHosts(w)
}

func (p Process) row() string {
	if p.PID == 0 {
		return p.Name + "\t-\tstopped\t"
	}
	return fmt.Sprintf("%s\t%d\t%s\t%d MB", p.Name, p.PID, time.Since(p.Since).Round(time.Second), p.Memory>>20)
}

func (c *Cluster) printHosts(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nHOST\tADDRESS\tLINK\tKUBECONFIG")
	for _, h := range c.Plan.Hosts {
		link, config := "up", ""
		if c.Plan.Mode == layout.Netns && c.lab.IsCut(h.Name) {
			link = "CUT"
		}
		if h.HasCluster() {
			config = c.Kubeconfig(h.Name)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", h.Name, h.Addr, link, config)
	}
	return table.Flush()
}
