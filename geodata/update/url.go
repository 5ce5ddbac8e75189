package update

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Bounds of a download: its size, also once it is unpacked; how long the server may say nothing; how often people hear of
// it.
const (
	maxBytes     = 1 << 30
	patience     = time.Minute
	sayInterval  = 5 * time.Second
	maxRedirects = 5
)

// URL brings the file at an address, unpacked if its name ends in .gz, into the folder under a name; an empty name is the
// address' own.
func (f Folder) URL(ctx context.Context, address, name string) (Result, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Result{}, errors.New("the address of a file begins with https:// or http://")
	}
	packed := strings.HasSuffix(u.Path, ".gz")
	if name == "" {
		name = strings.TrimSuffix(path.Base(u.Path), ".gz")
	}
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") || name == "/" {
		return Result{}, fmt.Errorf("%q is no name for the file in the folder: give one with --name", name)
	}
	return f.update(ctx, func(ctx context.Context, folder string) ([]string, error) {
		d := download{limit: maxBytes, patience: patience, say: f.Say}
		if err := d.fetch(ctx, u, packed, filepath.Join(folder, name)); err != nil {
			return nil, fmt.Errorf("fetch %s: %w", u.Redacted(), withoutAddress(err))
		}
		return []string{name}, nil
	})
}

// withoutAddress is what is inside an error of net/http, whose address is in the message already.
func withoutAddress(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// download is one file on its way.
type download struct {
	limit    int64
	patience time.Duration
	say      func(format string, args ...any)
}

func (d download) fetch(ctx context.Context, from *url.URL, packed bool, to string) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(d.patience, func() { cancel(fmt.Errorf("the server said nothing for %v", d.patience)) })
	defer silence.Stop()
	defer func() {
		if err != nil && context.Cause(ctx) != nil {
			err = context.Cause(ctx)
		}
	}()
	response, err := d.get(ctx, from)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	d.say("fetching %s%s", from.Redacted(), sizeText(response.ContentLength))
	var body io.Reader = &progress{Reader: response.Body, heard: func() { silence.Reset(d.patience) }, say: d.say, next: time.Now().Add(sayInterval)}
	if packed {
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	return d.write(body, to)
}

func (d download) get(ctx context.Context, from *url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects || via[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
			return fmt.Errorf("it leads to %s: name that yourself, if you trust it", next.URL.Redacted())
		}
		return nil
	}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("the server answered %s", response.Status)
	}
	if response.ContentLength > d.limit {
		response.Body.Close()
		return nil, d.tooLarge()
	}
	return response, nil
}

func (d download) write(body io.Reader, to string) error {
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	written, err := io.Copy(file, io.LimitReader(body, d.limit+1))
	if err == nil && written > d.limit {
		err = d.tooLarge()
	}
	return errors.Join(err, file.Close())
}

func (d download) tooLarge() error { return fmt.Errorf("it has more than %d MB", d.limit>>20) }

// progress tells people how far a download is, and that the server says something.
type progress struct {
	io.Reader
	heard func()
	say   func(format string, args ...any)
	read  int64
	next  time.Time
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.read += int64(n)
	p.heard()
	if now := time.Now(); now.After(p.next) {
		p.say("fetched %d MB so far", p.read>>20)
		p.next = now.Add(sayInterval)
	}
	return n, err
}

func sizeText(bytes int64) string {
	if bytes < 0 {
		return ""
	}
	return fmt.Sprintf(", %d MB", (bytes+1<<20-1)>>20)
}
