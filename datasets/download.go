package datasets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/qat-go/qat/internal/regular"
)

// DownloadOptions says how Download works.
type DownloadOptions struct {
	// Progress, unless nil, is told of the bytes of the archive that are here
	// and of all its bytes, first when the transfer begins.
	Progress func(done, total int64)
}

// Download fetches the data set of the given name, checks it and unpacks it into
// dir, where [Open] looks for it. What is there already it leaves as it is: a
// whole data set is not fetched again, and an archive that was put into dir
// under its own name is checked and unpacked in place of a transfer. An
// interrupted transfer continues where it stopped when Download runs again. The
// data set appears in dir whole or not at all.
func Download(ctx context.Context, name, dir string, o DownloadOptions) error {
	ctx = cmp.Or(ctx, context.Background())
	s, err := sourceNamed(name)
	if err != nil || s.download == nil {
		return err
	}
	return s.download(ctx, dir, o)
}

// archive is a tar.gz file on the network that holds one folder.
type archive struct {
	dataset string // its name
	url     string
	sha256  string // in hex
	size    int64  // in bytes
	folder  string
	marker  string                    // a file of the folder
	check   func(folder string) error // of its files
}

// name is the archive's own name, the last part of its address.
func (a archive) name() string { return a.url[strings.LastIndex(a.url, "/")+1:] }

func (a archive) install(ctx context.Context, dir string, o DownloadOptions) error {
	if folder, err := a.locate(dir); err == nil {
		if err := a.check(folder); err != nil {
			return fmt.Errorf("%s is there but cannot be used: %w; move it away and run this again", folder, err)
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(dir, a.name())
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		file += ".part"
		if err := a.fetch(ctx, file, o); err != nil {
			return a.advise(ctx, err, dir)
		}
		if err := a.verify(file); err != nil {
			return errors.Join(fmt.Errorf("%w; it is removed: run this again", err), os.Remove(file))
		}
		if err := a.unpack(file, dir); err != nil {
			return err
		}
		return os.Remove(file)
	}
	if err := a.verify(file); err != nil {
		return fmt.Errorf("%w; it is not %s: delete it and run this again", err, a.url)
	}
	return a.unpack(file, dir)
}

// advise adds to a failed transfer what to do about it.
func (a archive) advise(ctx context.Context, err error, dir string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w; run this again to continue", err)
	}
	if abs, absErr := filepath.Abs(dir); absErr == nil {
		dir = abs
	}
	return fmt.Errorf("%w; run this again to continue, or, with no network here, fetch %s elsewhere, put it at %s and run this again",
		err, a.url, filepath.Join(dir, a.name()))
}

func (a archive) verify(file string) error {
	f, size, err := regular.Open(file)
	if err != nil {
		return err
	}
	f.Close()
	if size != a.size {
		return fmt.Errorf("%s: want SHA-256 %s, found a file of %d bytes instead of %d", file, a.sha256, size, a.size)
	}
	sum, err := fileSHA256(file)
	if err != nil {
		return err
	}
	if sum != a.sha256 {
		return fmt.Errorf("%s: want SHA-256 %s, found %s", file, a.sha256, sum)
	}
	return nil
}

// client gives up on a server that accepts the connection and then is silent.
// The body has no limit: a slow transfer is not a failed one.
var client = func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 30 * time.Second
	return &http.Client{Transport: t}
}()

// fetch brings file to the archive's size, from the byte it stopped at.
func (a archive) fetch(ctx context.Context, file string, o DownloadOptions) (err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil || have == a.size {
		return err
	}
	if have > a.size {
		have = 0
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Encoding", "identity") // net/http would undo a gzip encoding, and with it the archive's
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK: // all of it, asked for or not
		have = 0
	case resp.StatusCode == http.StatusPartialContent && have > 0:
		if got := resp.Header.Get("Content-Range"); !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", have)) {
			return fmt.Errorf("%s: want the bytes from %d on, found Content-Range %q", a.url, have, got)
		}
	default:
		return fmt.Errorf("%s: want status 200 OK, found %s", a.url, resp.Status)
	}
	if err := f.Truncate(have); err != nil {
		return err
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return err
	}
	progress := &progressWriter{o.Progress, have, a.size}
	progress.report()
	// One byte more than wanted is enough to tell that the file is another one.
	n, err := io.Copy(io.MultiWriter(f, progress), io.LimitReader(resp.Body, a.size-have+1))
	if err == nil && have+n < a.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%s: after %d of %d bytes: %w", a.url, have+n, a.size, err)
	}
	return nil
}

type progressWriter struct {
	callback    func(done, total int64)
	done, total int64
}

func (p *progressWriter) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	p.report()
	return len(b), nil
}

func (p *progressWriter) report() {
	if p.callback != nil {
		p.callback(p.done, p.total)
	}
}
