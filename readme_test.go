package tidegate_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// step is a command of the README and what it must print.
type step struct {
	command string
	want    string
}

var (
	consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")
	goRun        = regexp.MustCompile(`go run \./cmd/(\S+)`)
)

// TestReadme runs every console block of the README, in order, and compares what it prints. Programs are built once
// instead of run by `go run`, so that the server can be ended by its pid.
func TestReadme(t *testing.T) {
	if _, err := exec.LookPath("dig"); err != nil {
		t.Fatal("the README asks with dig: run make deps")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "./cmd/tidegate-dns", "./cmd/tidegate")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as `make build` has it: what that compiled is used again
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	steps := readSteps(t, "README.md")
	if len(steps) < 4 {
		t.Fatalf("the README has %d console commands, it used to have more", len(steps))
	}
	for _, s := range steps {
		command := goRun.ReplaceAllString(s.command, filepath.Join(bin, "$1"))
		if background, ok := strings.CutSuffix(command, " &"); ok {
			startServer(t, background)
			continue
		}
		if got := eventually(t, command, s.want); got != s.want {
			t.Errorf("$ %s\nprints\n%s\nwant\n%s", s.command, got, s.want)
		}
	}
}

func readSteps(t *testing.T, file string) []step {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	for _, block := range consoleBlock.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				steps = append(steps, step{command: strings.TrimSpace(command)})
			} else if len(steps) > 0 {
				steps[len(steps)-1].want += line
			}
		}
	}
	return steps
}

func startServer(t *testing.T, command string) {
	t.Helper()
	server := exec.Command("bash", "-c", "exec "+command)
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = server.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
}

// eventually repeats a command until it prints what is wanted, or for ten seconds: the server may still be starting.
func eventually(t *testing.T, command, want string) (got string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		output, _ := exec.CommandContext(ctx, "bash", "-c", command).CombinedOutput()
		cancel()
		if got = string(output); got == want {
			break
		}
	}
	return got
}
