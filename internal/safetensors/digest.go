package safetensors

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/regular"
)

// digestMarker stands before the digits in the header as [Write] makes it. Quotes inside of names and values have a
// backslash before them, so it stands nowhere else.
const digestMarker = `"` + digest.Key + `":"` + digest.Scheme

// undigested are the formats and versions of qat's files that have no digest, since they are older than digests. One of
// another version without a digest has lost it.
var undigested = []string{"qat.checkpoint 1", "qat.integer 2"}

// kind is the format and version of a file of qat's.
func (f *File) kind() string { return f.Metadata["format"] + " " + f.Metadata["version"] }

func (f *File) hasDigest() bool {
	_, ok := f.Metadata[digest.Key]
	return ok
}

// checkDigest compares the digest of a file with its bytes.
func (f *File) checkDigest(data []byte) error {
	switch kind := f.kind(); {
	case f.hasDigest():
		head := 8 + binary.LittleEndian.Uint64(data)
		return digest.Check(digestMarker, data[:head:head], data[head:])
	case strings.HasPrefix(kind, "qat.") && !slices.Contains(undigested, kind):
		return fmt.Errorf("%w: the metadata of a %q has its digest as %q, which is not there", digest.ErrMismatch, kind, digest.Key)
	}
	return nil
}

// Reading says how files are read that may have a digest. The zero value refuses damaged files.
type Reading struct {
	Force bool                             // read a damaged file all the same
	Note  func(format string, args ...any) // hears of damaged files, and of those too old to have a digest; may be nil
}

func (r Reading) note(format string, args ...any) {
	if r.Note != nil {
		r.Note(format, args...)
	}
}

// File reads the safetensors file at path.
func (r Reading) File(path string) (*File, error) {
	data, err := regular.ReadIf(path, MaxFile, CheckHead)
	if err != nil {
		return nil, err
	}
	f, err := r.Parse(path, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Parse reads the bytes of the file at path, as Read does; errors do not name the path.
func (r Reading) Parse(path string, data []byte) (*File, error) {
	f, err := read(data)
	if err != nil {
		return nil, err
	}
	switch err := f.checkDigest(data); {
	case err != nil && r.Force:
		r.note("warning: %s: %v; it is read all the same", path, err)
	case err != nil:
		return nil, fmt.Errorf("%w; take another copy of it, or read it all the same with --force", err)
	case !f.hasDigest() && slices.Contains(undigested, f.kind()):
		r.note("%s has no digest, since an earlier version wrote it: damage would not be noticed", path)
	}
	return f, nil
}
