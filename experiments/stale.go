package experiments

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/qat-go/qat/train"
)

// Stale says what happens to results of another version. A run that another version began, and that has no result, is never gone
// on with: RefuseStale tells of it, the others make it again.
type Stale string

// What can happen to them.
const (
	RefuseStale Stale = ""     // the table is not touched
	RedoStale   Stale = "redo" // they are made again
	KeepStale   Stale = "keep" // they count, and the table marks them
)

// ErrStale says that a table has results that are not to be mixed with new ones.
var ErrStale = errors.New("the table has results of another kind")

// begun says which other version began the run in a folder; "" if none did.
func (m *maker) begun(dir string) (string, error) {
	made, err := train.ReadManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	other, ok := made.Other(m.opt.Version)
	if err != nil || !ok {
		return "", err
	}
	return fmt.Sprintf("begun by version %s, this is %s", other, m.opt.Version), nil
}

// discard empties the folder of a run that another version began, for which nobody but who works in it may be in the way.
func (m *maker) discard(ctx context.Context, dir string) error {
	if why, err := m.begun(dir); why == "" || err != nil {
		return err
	}
	lock, err := train.LockDir(ctx, dir, m.opt.Progress.Message)
	if err != nil {
		return err
	}
	defer lock.Release()
	why, err := m.begun(dir)
	if why == "" || err != nil { // another process was faster
		return err
	}
	m.opt.Progress.Message("%s is %s: it is made again", dir, why)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != train.LockFile && e.Name() != train.ManifestFile {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(filepath.Join(dir, train.ManifestFile)) // which tells the version, last
}
