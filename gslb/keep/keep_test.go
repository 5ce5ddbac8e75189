package keep

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T) Folder {
	t.Helper()
	f, err := Open(filepath.Join(t.TempDir(), "maps"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// kept is a map whose head is the digest of its data.
func kept(generation uint64, data string) Kept {
	sum := sha256.Sum256([]byte(data))
	return Kept{Source: Bus, Generation: generation, Head: []byte(hex.EncodeToString(sum[:])), Data: []byte(data)}
}

// verify accepts what is whole.
func verify(k Kept) error {
	if sum := sha256.Sum256(k.Data); string(k.Head) != hex.EncodeToString(sum[:]) {
		return errors.New("digest")
	}
	return nil
}

func save(t *testing.T, f Folder, k Kept) {
	t.Helper()
	if err := f.Save(k); err != nil {
		t.Fatal(err)
	}
}

func newest(t *testing.T, f Folder) (Kept, bool) {
	t.Helper()
	k, ok, _ := f.Newest(Bus, verify)
	return k, ok
}

func TestNewestOfSeveral(t *testing.T) {
	f := open(t)
	if k, ok, err := f.Newest(Bus, verify); ok || err != nil {
		t.Errorf("an empty folder has %+v, %v", k, err)
	}
	for _, generation := range []uint64{2, 10, 9, 1} {
		save(t, f, kept(generation, fmt.Sprint("map\nof ", generation)))
	}
	if k, ok := newest(t, f); !ok || k.Generation != 10 || string(k.Data) != "map\nof 10" {
		t.Errorf("got %+v, %v", k, ok)
	}
}

func TestOldMapsAreDropped(t *testing.T) {
	f := open(t)
	for generation := uint64(1); generation <= 25; generation++ {
		save(t, f, kept(generation, "x"))
	}
	list, err := f.generations(Bus)
	if err != nil || len(list) != Generations || list[0] != 25 || list[Generations-1] != 16 {
		t.Errorf("kept %v, %v", list, err)
	}
}

// A file cut at any byte is passed over for the map before it.
func TestTruncatedFilesArePassedOver(t *testing.T) {
	f := open(t)
	save(t, f, kept(1, "the map before"))
	save(t, f, kept(2, "the newest map"))
	path := f.file(Bus, 2)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		k, ok, refused := f.Newest(Bus, verify)
		if !ok || k.Generation != 1 || refused == nil || !strings.Contains(refused.Error(), "kept map 2") {
			t.Fatalf("cut at %d: %+v, %v, %v", cut, k, ok, refused)
		}
	}
	for at := range whole {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if k, _ := newest(t, f); k.Generation != 1 {
			t.Fatalf("damaged at %d: %+v", at, k)
		}
	}
}

func TestNothingVerifies(t *testing.T) {
	f := open(t)
	save(t, f, Kept{Source: Bus, Generation: 1, Head: []byte("no"), Data: []byte("x")})
	save(t, f, Kept{Source: Bus, Generation: 2, Head: []byte("no"), Data: []byte("y")})
	k, ok, refused := f.Newest(Bus, verify)
	if ok || refused == nil || strings.Count(refused.Error(), "kept map") != 2 {
		t.Errorf("got %+v, %v, %v", k, ok, refused)
	}
}

// A name server that is killed between write and rename leaves a file of its own making: it is no map, the next write
// is not disturbed, and the next start removes it.
func TestKilledBeforeTheRename(t *testing.T) {
	f := open(t)
	save(t, f, kept(1, "x"))
	left := filepath.Join(f.path, fileName(Bus, 2)+".123"+temporarySuffix)
	if err := os.WriteFile(left, []byte("half a ma"), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, _ := newest(t, f); k.Generation != 1 {
		t.Errorf("got %+v", k)
	}
	save(t, f, kept(2, "y"))
	f, err := Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if k, _ := newest(t, f); k.Generation != 2 {
		t.Errorf("got %+v", k)
	}
	if entries, err := os.ReadDir(f.path); err != nil || len(entries) != 2 {
		t.Errorf("%d entries are left, %v; want the two maps", len(entries), err)
	}
}

func TestWritesLeaveNothingBehind(t *testing.T) {
	f := open(t)
	save(t, f, kept(1, "x"))
	if err := os.Mkdir(f.file(Bus, 2), 0o700); err != nil { // a rename over it fails
		t.Fatal(err)
	}
	if err := f.Save(kept(2, "y")); err == nil {
		t.Fatal("saved over a folder")
	}
	left, err := filepath.Glob(filepath.Join(f.path, "*"+temporarySuffix))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestForeignFilesAreNoMaps(t *testing.T) {
	f := open(t)
	for _, name := range []string{"notes.txt", "x.map", "-1.map", ".map", "99999999999999999999999.map"} {
		if err := os.WriteFile(filepath.Join(f.path, name), []byte("a\nb"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if k, ok, refused := f.Newest(Bus, verify); ok || refused != nil {
		t.Errorf("got %+v, %v", k, refused)
	}
}

func TestFilesAreTheOwners(t *testing.T) {
	f := open(t)
	save(t, f, kept(1, "x"))
	for path, want := range map[string]os.FileMode{f.path: 0o700, f.file(Bus, 1): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "data in the Corefile") {
		t.Errorf("got %v", err)
	}
}

// A folder may see both kinds of name server: each kind finds its own maps, and drops none of the other's.
func TestSourcesAreKeptApart(t *testing.T) {
	f := open(t)
	world := kept(90, "a world")
	world.Source = World
	save(t, f, world)
	for generation := uint64(1); generation <= 12; generation++ {
		save(t, f, kept(generation, "of the bus"))
	}
	for source, want := range map[Source]string{Bus: "of the bus", World: "a world"} {
		if k, ok, err := f.Newest(source, verify); !ok || err != nil || string(k.Data) != want || k.Source != source {
			t.Errorf("%s: %+v, %v, %v", source, k, ok, err)
		}
	}
}

func TestKey(t *testing.T) {
	f := open(t)
	if key, err := f.LoadKey(); key != nil || err != nil {
		t.Errorf("nothing kept: %v, %v", key, err)
	}
	for _, want := range [][]byte{bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)} {
		if err := f.SaveKey(want); err != nil {
			t.Fatal(err)
		}
		if key, err := f.LoadKey(); !bytes.Equal(key, want) || err != nil {
			t.Errorf("got %v, %v", key, err)
		}
	}
	path := filepath.Join(f.path, keyFile)
	for _, text := range []string{"", "zz", "0707\n", strings.Repeat("07", 33)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := f.LoadKey(); key != nil || err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%q: %v, %v", text, key, err)
		}
	}
	if err := f.SaveKey(make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	if key, err := f.LoadKey(); len(key) != 32 || err != nil {
		t.Errorf("over a damaged one: %v, %v", key, err)
	}
}

func TestHealth(t *testing.T) {
	f := open(t)
	value := []string{"unchanged"}
	if err := f.LoadHealth(&value); err != nil || value[0] != "unchanged" {
		t.Errorf("nothing kept: %v, %v", value, err)
	}
	if err := f.SaveHealth([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if err := f.LoadHealth(&value); err != nil || len(value) != 2 || value[1] != "b" {
		t.Errorf("got %v, %v", value, err)
	}
	if err := os.WriteFile(filepath.Join(f.path, healthFile), []byte(`["a`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.LoadHealth(&value); err == nil {
		t.Error("a cut file was read")
	}
	if err := f.SaveHealth(make(chan int)); err == nil {
		t.Error("a channel was kept")
	}
}
