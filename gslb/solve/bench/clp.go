package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"tidegate.dev/tidegate/gslb/solve"
)

// clp lets Debian's clp solve the same problem as a linear program, in requests and seconds, and returns its optimum in
// microseconds times milli-RPS.
func clp(p solve.Problem) (float64, error) {
	program, err := exec.LookPath("clp")
	if err != nil {
		return 0, fmt.Errorf("clp is missing; install Debian's coinor-clp: apt-get install coinor-clp")
	}
	folder, err := os.MkdirTemp("", "bench-solve-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "problem.mps")
	if err := writeFile(path, p); err != nil {
		return 0, err
	}
	out, err := exec.Command(program, path, "-log", "1", "-primalTolerance", "1e-9", "-dualTolerance", "1e-9", "-solve").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("clp: %w: %s", err, out)
	}
	found := optimal.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("clp found no optimum: %s", out)
	}
	seconds, err := strconv.ParseFloat(string(found[1]), 64)
	return seconds * 1e9, err
}

// optimal is what clp says in the end.
var optimal = regexp.MustCompile(`Optimal objective ([-+.0-9e]+)`)

func writeFile(path string, p solve.Problem) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	writeMPS(w, p)
	if err := w.Flush(); err != nil {
		return err
	}
	return file.Close()
}

// writeMPS writes free MPS: rows D for the demand of classes, S for what sites get, F for the most of one site; columns
// k for what an edge keeps of the last shares, m for what moves there, z for the steps of sites.
func writeMPS(w io.Writer, p solve.Problem) {
	fmt.Fprintln(w, "NAME solve FREE\nROWS\n N cost")
	for k := range p.Classes {
		fmt.Fprintf(w, " E D%d\n", k)
	}
	for i := range p.Sites {
		fmt.Fprintf(w, " E S%d\n", i)
	}
	bounds := writeColumns(w, p)
	fmt.Fprintln(w, "RHS")
	for k, c := range p.Classes {
		fmt.Fprintf(w, " r D%d %.12g\n", k, float64(c.Demand)/1e3)
	}
	fmt.Fprintln(w, "BOUNDS")
	for _, b := range bounds {
		fmt.Fprintf(w, " UP b %s %.12g\n", b.column, b.upTo)
	}
	fmt.Fprintln(w, "ENDATA")
}

type bound struct {
	column string
	upTo   float64
}

func writeColumns(w io.Writer, p solve.Problem) (bounds []bound) {
	fmt.Fprintln(w, "COLUMNS")
	for k, c := range p.Classes {
		previous := 0
		for _, e := range c.Edges {
			previous += int(e.Previous)
		}
		penalty := float64(p.MovePenalty)
		if previous == 0 {
			penalty = 0
		}
		for i, e := range c.Edges {
			kept, moved := fmt.Sprintf("k%d_%d", k, i), fmt.Sprintf("m%d_%d", k, i)
			fmt.Fprintf(w, " %s cost %.12g D%d 1\n %[1]s S%[4]d 1\n", kept, float64(e.Cost)/1e6, k, e.Site)
			fmt.Fprintf(w, " %s cost %.12g D%d 1\n %[1]s S%[4]d 1\n", moved, (float64(e.Cost)+penalty)/1e6, k, e.Site)
			bounds = append(bounds, bound{kept, float64(c.Demand) * float64(e.Previous) / 1e7})
		}
	}
	for i, s := range p.Sites {
		below := 0.0
		for j, step := range s.Steps {
			name := fmt.Sprintf("z%d_%d", i, j)
			fmt.Fprintf(w, " %s cost %.12g S%d -1\n", name, float64(step.Cost)/1e6, i)
			bounds = append(bounds, bound{name, (float64(step.UpTo) - below) / 1e3})
			below = float64(step.UpTo)
		}
	}
	return bounds
}
