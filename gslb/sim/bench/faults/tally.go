package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tally is the file of what was run, a row for each batch: date, commit, state of the code, world, first and last seed,
// breaches. Only the rows of this state count.
type tally struct {
	path          string
	commit, state string
	done          []batch
	began         time.Time
	toDo          int
}

const tallyPath = "gslb/sim/bench/faults.tsv"

// openTally reads the rows of the code as it is. It refuses code that is not committed, since no row could name it.
func openTally() (*tally, error) {
	root, err := output("git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	t := &tally{path: filepath.Join(root, tallyPath), began: time.Now()}
	if t.commit, err = output("git", "-C", root, "rev-parse", "--short", "HEAD"); err != nil {
		return nil, err
	}
	if t.state, err = stateOf(root); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(t.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	t.done, err = parse(string(data), t.state)
	return t, err
}

// stateOf is a digest of the files that this command is made of, without tests.
func stateOf(root string) (string, error) {
	list := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.Dir}}{{end}}", "./gslb/sim/bench/faults")
	list.Dir = root
	data, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("list the packages of the command: %w", err)
	}
	paths := []string{"--", "go.mod", "go.sum"}
	for _, folder := range strings.Fields(string(data)) {
		if inside, err := filepath.Rel(root, folder); err == nil && filepath.IsLocal(inside) {
			paths = append(paths, ":(glob)"+filepath.ToSlash(inside)+"/*")
		}
	}
	changed, err := output("git", append([]string{"-C", root, "status", "--porcelain"}, paths...)...)
	if err != nil {
		return "", err
	}
	if changed = withoutTests(changed); changed != "" {
		return "", fmt.Errorf("these are not committed, so that the tally cannot name the code: %s", strings.Join(strings.Fields(changed), " "))
	}
	files, err := output("git", append([]string{"-C", root, "ls-files", "-s"}, paths...)...)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(withoutTests(files)))
	return hex.EncodeToString(sum[:6]), nil
}

func withoutTests(lines string) string {
	var kept []string
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasSuffix(line, "_test.go") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func output(program string, args ...string) (string, error) {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return string(bytes.TrimSpace(out)), nil
}

// parse reads the rows of a state.
func parse(data, state string) (list []batch, err error) {
	number := 0
	for line := range strings.Lines(data) {
		number++
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 7 || fields[2] != state {
			continue
		}
		size, known := sizeOf(fields[3])
		first, errFirst := strconv.ParseUint(fields[4], 10, 64)
		last, errLast := strconv.ParseUint(fields[5], 10, 64)
		breaches, errBreaches := strconv.Atoi(fields[6])
		if err := errors.Join(errFirst, errLast, errBreaches); err != nil || !known || last < first {
			return nil, fmt.Errorf("%s, line %d is no row: delete it", tallyPath, number)
		}
		list = append(list, batch{size, first, last, breaches})
	}
	return list, nil
}

// missing are the batches that are still to be run.
func (t *tally) missing() (list []batch) {
	done := map[batch]bool{}
	for _, b := range t.done {
		b.breaches = 0
		done[b] = true
	}
	for _, g := range goals {
		for first := uint64(1); first <= g.seeds; first += g.each {
			if b := (batch{size: g.size, first: first, last: min(first+g.each-1, g.seeds)}); !done[b] {
				list = append(list, b)
			}
		}
	}
	t.toDo = len(list)
	return list
}

// add writes a row.
func (t *tally) add(b batch) error {
	file, err := os.OpenFile(t.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	row := fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%d\t%d\n", time.Now().UTC().Format(time.DateOnly), t.commit, t.state, b.size.Name, b.first, b.last, b.breaches)
	if _, err = file.WriteString(row); err == nil {
		t.done = append(t.done, b)
		t.toDo--
		fmt.Fprintf(os.Stderr, "bench-faults: %s %d to %d: %d breaches; after %v %d batches are left\n",
			b.size.Name, b.first, b.last, b.breaches, time.Since(t.began).Round(time.Second), t.toDo)
	}
	return errors.Join(err, file.Close())
}

// print sums the rows up. It is an error if a rule was broken.
func (t *tally) print() error {
	breaches, hours, seeds := 0, 0.0, map[string]uint64{}
	for _, b := range t.done {
		breaches += b.breaches
		seeds[b.size.Name] += b.seeds()
		hours += float64(b.seeds()) * b.size.Length.Hours()
	}
	fmt.Printf("result steering.rule_breaches %d breaches\n", breaches)
	for _, g := range goals {
		fmt.Printf("result steering.fault_seeds_%s %d seeds\n", g.size.Name, seeds[g.size.Name])
	}
	fmt.Printf("result steering.fault_hours %.0f h\n", hours)
	if breaches > 0 {
		return fmt.Errorf("%d breaches: the seeds stand above, or in %s", breaches, tallyPath)
	}
	return nil
}
