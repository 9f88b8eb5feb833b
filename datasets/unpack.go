package datasets

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/qat-go/qat/internal/regular"
)

// unpacking begins the names of the temporary directories, which hold what is not
// whole.
const unpacking = "unpacking-"

// unpack brings the archive's folder into dir: first into a temporary directory
// beside it, where it is checked, then under its name by a rename.
func (a archive) unpack(file, dir string) (err error) {
	f, _, err := regular.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	tmp, err := os.MkdirTemp(dir, unpacking+"*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := untar(f, tmp, a.folder); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := a.check(filepath.Join(tmp, a.folder)); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.Rename(filepath.Join(tmp, a.folder), filepath.Join(dir, a.folder))
}

// untar writes a tar.gz's files to dir. All must lie directly in folder; any
// other path, a link or a device is an error.
func untar(r io.Reader, dir, folder string) error {
	gz, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
		return err
	}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(h.Name, folder+"/")
		switch {
		case h.Typeflag == tar.TypeDir && path.Clean(h.Name) == folder:
			continue
		case h.Typeflag != tar.TypeReg || name == h.Name || name != path.Base(name) || !filepath.IsLocal(name) || strings.ContainsAny(name, `\:`):
			return fmt.Errorf("want plain files in %s/, found %q of type %q; it is not the archive it should be: delete it", folder, h.Name, h.Typeflag)
		}
		if err := write(filepath.Join(dir, folder, name), tr); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// write puts r's bytes into a new file, and onto the disk before the rename
// that makes them visible.
func write(file string, r io.Reader) (err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}
