package proc

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

type here struct{}

func (here) In(_ string, f func() error) error { return f() }

func TestParseStat(t *testing.T) {
	tail := " S 17 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 2 3"
	for name, tt := range map[string]struct {
		line string
		want stat
		ok   bool
	}{
		"plain":              {"12 (etcd)" + tail, stat{'S', 17, 4711}, true},
		"brackets and blank": {"12 (a) b (c) Z)" + tail, stat{'S', 17, 4711}, true},
		"cut short":          {"12 (etcd) S 17 1", stat{}, false},
		"empty":              {"", stat{}, false},
	} {
		got, err := parseStat(tt.line)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestHasEntryWantsTheWholeEntry(t *testing.T) {
	env := []byte("A=1\x00" + MarkVar + "=/a/b\x00")
	if hasEntry(env, MarkVar+"=/a") || !hasEntry(env, MarkVar+"=/a/b") {
		t.Error("a run finds another run's processes, or not its own")
	}
}

func TestStartStopRestart(t *testing.T) {
	ctx := context.Background()
	r := New(t.TempDir(), here{})
	spec := Spec{Name: "sleeper", Args: []string{"/bin/sh", "-c", "echo $GREETING; exec sleep 60"}, Env: []string{"GREETING=hello"}}
	if err := r.Start(spec); err != nil {
		t.Fatal(err)
	}
	first, err := r.Record("sleeper")
	if err != nil || !first.Alive() {
		t.Fatalf("not running: %+v, %v", first, err)
	}
	waitForLog(t, r.LogPath("sleeper"), "hello\n")
	if err := r.Start(spec); err == nil {
		t.Error("a running process was started twice")
	}
	if err := r.Stop(ctx, "sleeper", time.Second); err != nil || first.Alive() {
		t.Fatalf("still there after stop: %v", err)
	}
	if err := r.Restart("sleeper"); err != nil {
		t.Fatal(err)
	}
	second, err := r.Record("sleeper")
	if err != nil || !second.Alive() || second.PID == first.PID {
		t.Errorf("not restarted: %+v, %v", second, err)
	}
	if err := r.Stop(ctx, "sleeper", 0); err != nil {
		t.Error(err)
	}
}

func waitForLog(t *testing.T, path, want string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if log, _ := os.ReadFile(path); strings.Contains(string(log), want) {
			return
		}
	}
	t.Fatalf("%s never said %q", path, want)
}

// A record whose pid has gone to another process must not match it: here it names the test itself.
func TestRecordOfAnotherProcessIsNotAlive(t *testing.T) {
	st, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	rec := Record{PID: os.Getpid(), Ticks: st.ticks - 1, Boot: bootID()}
	if rec.Alive() {
		t.Fatal("a reused pid counts as ours")
	}
	if err := End(context.Background(), rec, 0); err != nil { // would end the test
		t.Error(err)
	}
	rec = Record{PID: os.Getpid(), Ticks: st.ticks, Boot: "another boot"}
	if rec.Alive() {
		t.Error("a record of another boot counts as ours")
	}
}

func TestMarkedFindsWhatHasNoRecord(t *testing.T) {
	r := New(t.TempDir(), here{})
	cmd := r.Command("/bin/sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
	found, err := r.Marked()
	if err != nil || len(found) != 1 || found[0].PID != cmd.Process.Pid {
		t.Fatalf("found %+v, %v; want pid %d", found, err, cmd.Process.Pid)
	}
	if err := End(context.Background(), found[0], 0); err != nil {
		t.Error(err)
	}
	if found, _ := r.Marked(); len(found) != 0 {
		t.Errorf("still marked: %+v", found)
	}
}
