package update

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tidegate.dev/tidegate/geodata"
	"tidegate.dev/tidegate/geodata/files"
	"tidegate.dev/tidegate/geodata/geotest"
)

var (
	june = geotest.Date
	july = geotest.Date.AddDate(0, 1, 0)
)

func networks(moved int) geotest.Networks {
	list := geotest.Networks{"2a00::/16": "DE"}
	for i := range 20 {
		list[fmt.Sprintf("20.%d.0.0/16", 2*i)] = "DE"
		if i < moved {
			list[fmt.Sprintf("20.%d.0.0/16", 2*i)] = "US"
		}
	}
	return list
}

func database(t *testing.T, date time.Time, moved int) []byte {
	t.Helper()
	data, err := os.ReadFile(geotest.Database(t, filepath.Join(t.TempDir(), "city.mmdb"), date, networks(moved)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// folder notes what is said.
func folder(t *testing.T) (Folder, *strings.Builder) {
	t.Helper()
	said := &strings.Builder{}
	return Folder{Path: filepath.Join(t.TempDir(), "geo"), Say: func(format string, args ...any) { fmt.Fprintf(said, format+"\n", args...) }}, said
}

// holds checks what lies in the folder: files of these names, as one table of a date, and nothing else.
func (f Folder) holds(t *testing.T, date time.Time, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	slices.Sort(names)
	want := slices.Clone(names)
	for _, name := range names {
		want = append(want, "."+name+".sha256")
	}
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the folder has %v, want %v", have, want)
		return
	}
	if len(names) == 0 {
		return
	}
	table, err := files.Open(in(f.Path, names)...)
	if err != nil || !table.Origin().Date.Equal(date) {
		t.Errorf("the files are %v, %v; want data of %v", table, err, date)
	}
}

// serve answers every request with a file.
func serve(t *testing.T, content func() []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content()) }))
	t.Cleanup(server.Close)
	return server.URL
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A file of an address goes through the guards, and a refused one changes nothing.
func TestURL(t *testing.T) {
	f, _ := folder(t)
	content := database(t, june, 0)
	address := serve(t, func() []byte { return content }) + "/free/city.mmdb"
	step := func(what string, file []byte, force bool, want error, unchanged bool, date time.Time) {
		t.Helper()
		content, f.Force = file, force
		result, err := f.URL(t.Context(), address, "")
		if !errors.Is(err, want) || result.Unchanged != unchanged {
			t.Errorf("%s: %+v, %v; want %v", what, result, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "--force") {
			t.Errorf("%s: %v does not say what to do", what, err)
		}
		f.holds(t, date, "city.mmdb")
	}
	step("the first", content, false, nil, false, june)
	step("the same", content, false, nil, true, june)
	step("newer", database(t, july, 1), false, nil, false, july)
	step("older", database(t, june, 1), false, geodata.ErrOlder, false, july)
	step("other countries", database(t, july, 9), false, geodata.ErrCountries, false, july)
	step("refused by the guards", database(t, july, 9), false, ErrRefused, false, july)
	step("older, by force", database(t, june, 9), true, nil, false, june)
	if err := os.WriteFile(filepath.Join(f.Path, "city.mmdb"), []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	step("after a broken one", database(t, june, 0), false, nil, false, june)
}

func TestURLNames(t *testing.T) {
	plain := database(t, june, 0)
	for _, tt := range []struct {
		path, name string
		content    []byte
		want       string
	}{
		{"/city.mmdb", "", plain, "city.mmdb"},
		{"/free/city-2026-06.mmdb.gz", "", zipped(t, plain), "city-2026-06.mmdb"},
		{"/free/city-2026-06.mmdb.gz", "city.mmdb", zipped(t, plain), "city.mmdb"},
		{"/download?edition=city", "city.mmdb", plain, "city.mmdb"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			f, _ := folder(t)
			result, err := f.URL(t.Context(), serve(t, func() []byte { return tt.content })+tt.path, tt.name)
			if err != nil || !slices.Equal(result.Files, []string{filepath.Join(f.Path, tt.want)}) {
				t.Fatalf("%v, %v", result.Files, err)
			}
			f.holds(t, june, tt.want)
		})
	}
}

// Whatever an address answers, it costs nothing that lies in the folder.
func TestURLRefuses(t *testing.T) {
	good := database(t, june, 0)
	mux := http.NewServeMux()
	answer := func(path string, content []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	}
	answer("/page.mmdb", []byte("<html>log in first</html>"))
	answer("/cut.mmdb", good[:len(good)-200])
	answer("/cut.mmdb.gz", zipped(t, good)[:200])
	answer("/plain.mmdb.gz", good)
	mux.HandleFunc("/ends-early.mmdb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(good)))
		_, _ = w.Write(good[:100])
	})
	mux.HandleFunc("/circle.mmdb", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/circle.mmdb", http.StatusFound) })
	mux.HandleFunc("/huge.mmdb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(maxBytes+1))
		w.WriteHeader(http.StatusOK)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	with := func(path string) string { return strings.Replace(server.URL, "://", "://user:secret@", 1) + path }
	for _, tt := range []struct{ address, name, says string }{
		{with("/none.mmdb"), "", "404 Not Found"},
		{with("/page.mmdb"), "", "cannot be used"},
		{with("/cut.mmdb"), "", "cannot be used"},
		{with("/cut.mmdb.gz"), "", "unexpected EOF"},
		{with("/plain.mmdb.gz"), "", "gzip"},
		{with("/ends-early.mmdb"), "", "unexpected EOF"},
		{with("/circle.mmdb"), "", "name that yourself"},
		{with("/huge.mmdb"), "", "more than 1024 MB"},
		{"http://user:secret@127.0.0.1:1/x.mmdb", "", "connection refused"},
		{"ftp://example.org/x.mmdb", "", "begins with https://"},
		{"city.mmdb", "", "begins with https://"},
		{"https://example.org/", "", "give one with --name"},
		{with("/x.mmdb"), "../x.mmdb", "give one with --name"},
		{with("/x.mmdb"), ".x.mmdb", "give one with --name"},
	} {
		t.Run(path.Base(tt.address)+tt.name, func(t *testing.T) {
			f, said := folder(t)
			if err := os.Mkdir(f.Path, 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := f.URL(t.Context(), tt.address, tt.name)
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error()+said.String(), "secret") {
				t.Errorf("got %v and %q, want an error with %q and no secret", err, said, tt.says)
			}
			f.holds(t, june)
		})
	}
}

// Bounds hold for what is fetched and for what it unpacks to. A server that says nothing more is given up, one that is slow
// is not.
func TestDownloadBounds(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 4<<20)
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush() // no Content-Length
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write(content)
		case "/bomb":
			_, _ = w.Write(zipped(t, content))
		case "/silent":
			<-released
		case "/slow":
			for range 10 {
				time.Sleep(40 * time.Millisecond)
				_, _ = w.Write([]byte("x"))
				w.(http.Flusher).Flush()
			}
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(released) })
	for _, tt := range []struct {
		path     string
		packed   bool
		patience time.Duration
		says     string
	}{
		{"/large", false, time.Minute, "more than 1 MB"}, {"/bomb", true, time.Minute, "more than 1 MB"},
		{"/silent", false, 50 * time.Millisecond, "said nothing for 50ms"}, {"/slow", false, 300 * time.Millisecond, ""},
	} {
		from, err := url.Parse(server.URL + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "file")
		d := download{limit: 1 << 20, patience: tt.patience, say: func(string, ...any) {}}
		err = d.fetch(t.Context(), from, tt.packed, to)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.path, err, tt.says)
		}
		if info, err := os.Stat(to); err == nil && info.Size() > d.limit+1 {
			t.Errorf("%s: %d bytes were written", tt.path, info.Size())
		}
	}
}

// https does not lead to http without a word.
func TestNoDowngrade(t *testing.T) {
	plain := serve(t, func() []byte { return []byte("x") })
	secure := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	t.Cleanup(secure.Close)
	before := http.DefaultTransport
	http.DefaultTransport = secure.Client().Transport
	t.Cleanup(func() { http.DefaultTransport = before })
	f, _ := folder(t)
	if _, err := f.URL(t.Context(), secure.URL+"/city.mmdb", ""); err == nil || !strings.Contains(err.Error(), "name that yourself") {
		t.Errorf("got %v", err)
	}
}

// What an update that was killed has left goes a day later; one that may still run is left alone.
func TestLeftovers(t *testing.T) {
	f, _ := folder(t)
	for name, age := range map[string]time.Duration{".update-old": 25 * time.Hour, ".update-new": time.Hour} {
		path := filepath.Join(f.Path, name)
		if err := errors.Join(os.MkdirAll(filepath.Join(path, "x"), 0o700), os.Chtimes(path, time.Time{}, time.Now().Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.URL(t.Context(), serve(t, func() []byte { return database(t, june, 0) })+"/city.mmdb", ""); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(f.Path)
	if err != nil || len(entries) != 3 || entries[1].Name() != ".update-new" || entries[2].Name() != "city.mmdb" {
		t.Errorf("%v, %v", entries, err)
	}
}

// A MaxMind DB has no checksum. What update placed has one beside it, as sha256sum prints it: a file that is damaged later
// is refused, also where all of it can be read, and one that is replaced by hand without its digest.
func TestDamageIsSeen(t *testing.T) {
	f, _ := folder(t)
	good := database(t, june, 0)
	if _, err := f.URL(t.Context(), serve(t, func() []byte { return good })+"/city.mmdb", ""); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.Path, "city.mmdb")
	line, err := os.ReadFile(filepath.Join(f.Path, ".city.mmdb.sha256"))
	if want := fmt.Sprintf("%x  city.mmdb\n", sha256.Sum256(good)); err != nil || string(line) != want {
		t.Fatalf("the digest is %q, %v; want %q", line, err, want)
	}
	damaged := bytes.Replace(bytes.Clone(good), []byte("a city of DE"), []byte("a city of DF"), 1)
	for name, content := range map[string][]byte{"damaged": damaged, "replaced": database(t, july, 0)} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Open(path); err == nil || !strings.Contains(err.Error(), ".city.mmdb.sha256") {
			t.Errorf("%s: Open = %v", name, err)
		}
	}
	if err := os.Remove(filepath.Join(f.Path, ".city.mmdb.sha256")); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Open(path); err != nil {
		t.Errorf("without a digest: %v", err)
	}
}
