package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// MissingError says that a data set is not where it was looked for. It is an
// [io/fs.ErrNotExist].
type MissingError struct {
	Dir    string // that was named
	reason string
}

func (e *MissingError) Error() string { return e.reason }

// Is makes a missing data set a missing file.
func (e *MissingError) Is(target error) bool { return target == fs.ErrNotExist }

// Locate finds the data set of the given name where [Open] looks for it: in
// dir, in dir itself if that is the folder that the archive unpacks to, or in the
// only folder of dir that holds it. It returns that folder, "" for a data set that is
// embedded or of another module, or a [*MissingError], also for a dir that is named
// and missing where the data set needs none. It reads no file.
func Locate(name, dir string) (folder string, err error) {
	s, err := sourceNamed(name)
	if err != nil || s.locate == nil {
		return "", err
	}
	return s.locate(dir)
}

func (a archive) locate(dir string) (string, error) {
	folder := filepath.Join(dir, a.folder)
	if exists(folder) {
		return folder, nil
	}
	if exists(filepath.Join(dir, a.marker)) || filepath.Base(dir) == a.folder && exists(dir) {
		return dir, nil
	}
	missing := func(format string, args ...any) error {
		return &MissingError{dir, fmt.Sprintf(format, args...) + fmt.Sprintf("; name the directory that holds %s, or run \"qat data get %s --data %s\"", a.folder, a.dataset, dir)}
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", missing("data directory %s does not exist", dir)
	case err != nil:
		return "", missing("data directory: %v", err)
	}
	var below []string
	for _, e := range entries {
		folder := filepath.Join(dir, e.Name(), a.folder)
		if exists(folder) && !strings.HasPrefix(e.Name(), unpacking) {
			below = append(below, folder)
		}
	}
	switch len(below) {
	case 0:
		return "", missing("data directory %s holds no %s", dir, a.folder)
	case 1:
		return below[0], nil
	}
	return "", missing("data directory %s holds several: %s and %s", dir, below[0], below[1])
}

// exists tells that there is something called path, even a link that leads nowhere.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
