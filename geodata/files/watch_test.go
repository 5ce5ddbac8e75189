package files_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tidegate.dev/tidegate/geodata/files"
)

// watching runs a watch in a bubble; step changes files, and lets time pass with wait.
func watching(t *testing.T, paths []string, steps func(wait func(time.Duration), expect func(step string, calls int))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		watch := files.NewWatch(paths...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			watch.Run(ctx, func() { calls.Add(1) })
		}()
		steps(func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}, func(step string, want int) {
			t.Helper()
			if got := calls.Load(); got != int64(want) {
				t.Errorf("%s: told %d times, want %d", step, got, want)
			}
		})
		cancel()
		<-ended
	})
}

func TestWatch(t *testing.T) {
	folder := t.TempDir()
	city, asn := filepath.Join(folder, "city.mmdb"), filepath.Join(folder, "asn.csv")
	put(t, city, []byte("one"))
	watching(t, []string{city, asn}, func(wait func(time.Duration), expect func(string, int)) {
		wait(time.Minute)
		expect("nothing changed", 0)
		put(t, city, []byte("changed"))
		wait(files.Quiet)
		expect("changed, and not rested yet", 0)
		wait(2 * files.Poll)
		expect("rested", 1)
		wait(time.Minute)
		expect("told once", 1)
		for range 20 { // somebody copies a large file
			put(t, asn, []byte(time.Now().String()))
			if err := os.Chtimes(asn, time.Time{}, time.Now()); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
		}
		expect("still written", 1)
		wait(files.Quiet)
		expect("written", 2)
		if err := os.Remove(city); err != nil {
			t.Fatal(err)
		}
		wait(files.Quiet + time.Second)
		expect("gone", 3)
		put(t, city, []byte("gone"))
		wait(3 * time.Second)
		if err := os.Remove(city); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		expect("there for a moment", 3)
	})
}

// A file that another one takes the place of changed, though size and time may be the same.
func TestWatchSeesSwaps(t *testing.T) {
	folder := t.TempDir()
	at := time.Date(2026, 6, 5, 0, 0, 0, 0, time.UTC)
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(folder, version), 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, version, "city.mmdb")
		put(t, path, []byte(version))
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(folder, "data")
	if err := os.Symlink("v1", link); err != nil {
		t.Fatal(err)
	}
	watching(t, []string{filepath.Join(link, "city.mmdb")}, func(wait func(time.Duration), expect func(string, int)) {
		if err := os.Symlink("v2", link+"-new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+"-new", link); err != nil {
			t.Fatal(err)
		}
		wait(files.Quiet + time.Second)
		expect("swapped", 1)
	})
}

// The feeds that an operator's words name are followed as the words themselves are: those that they name by now.
func TestWatchFollowsFeeds(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	writes := 0
	write := func(name, content string) {
		put(t, in(name), []byte(content))
		writes++
		at := time.Date(2026, 6, 5, 0, writes, 0, 0, time.UTC)
		if err := os.Chtimes(in(name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("op.yaml", "resolverFeeds: [dns.csv]\n")
	watching(t, []string{in("op.yaml")}, func(wait func(time.Duration), expect func(string, int)) {
		rest := func(step string, calls int) {
			t.Helper()
			wait(files.Quiet + time.Second)
			expect(step, calls)
		}
		write("dns.csv", "20.0.0.0/8,DE,,,\n")
		rest("a feed comes", 1)
		write("dns.csv", "20.0.0.0/8,FR,,,\n")
		rest("a feed changed", 2)
		write("op.yaml", "resolverFeeds: ["+in("other.csv")+"]\n")
		rest("another feed is named", 3)
		write("dns.csv", "20.0.0.0/8,ES,,,\n")
		rest("what is named no longer", 3)
		write("other.csv", "20.0.0.0/8,DE,,,\n")
		rest("the other feed", 4)
		write("op.yaml", "resolverFeeds: [\n")
		rest("the words are broken", 5)
		write("other.csv", "20.0.0.0/8,FR,,,\n")
		rest("the feed of broken words", 6)
	})
}

// What changes between the making of a watch and its run is told.
func TestWatchBeginsWhenMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	put(t, path, []byte("one"))
	synctest.Test(t, func(t *testing.T) {
		watch := files.NewWatch(path)
		put(t, path, []byte("changed"))
		ctx, cancel := context.WithTimeout(t.Context(), files.Quiet+time.Second)
		defer cancel()
		calls := 0
		watch.Run(ctx, func() { calls++ })
		if calls != 1 {
			t.Errorf("told %d times, want once", calls)
		}
	})
}
