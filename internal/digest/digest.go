// Package digest lets a file carry the SHA-256 of its own bytes, by which damage is noticed: all of them, those of the
// digest counted as the digit 0. The 64 digits follow a marker, which differs between formats.
package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Key is what the digest is called in every format.
const Key = "qat.digest"

// Scheme stands before the digits.
const Scheme = "sha256:"

// Placeholder is the value of Key until Seal.
const Placeholder = Scheme + zeros

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// ErrMismatch says that a file is not as it was written.
var ErrMismatch = errors.New("the file is damaged")

// Seal computes the digest of the parts of a file, and writes it into the first one, behind the only marker there.
func Seal(marker string, parts ...[]byte) error {
	return SealSeq(marker, parts[0], slices.Values(parts[1:]))
}

// SealSeq is Seal of parts that need not be there all at once.
func SealSeq(marker string, first []byte, rest iter.Seq[[]byte]) error {
	at, err := find(marker, first)
	if err == nil {
		copy(first[at:], sum(at, first, rest))
	}
	return err
}

// Check returns an error that is [ErrMismatch] if the parts of a file do not have the digest in the first one.
func Check(marker string, parts ...[]byte) error {
	at, err := find(marker, parts[0])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	if got, want := sum(at, parts[0], slices.Values(parts[1:])), string(parts[0][at:at+len(zeros)]); got != want {
		return fmt.Errorf("%w: its SHA-256 begins with %.8s, its digest with %.8q", ErrMismatch, got, want)
	}
	return nil
}

// find returns where the digits begin.
func find(marker string, part []byte) (int, error) {
	at := bytes.Index(part, []byte(marker)) + len(marker)
	if n := bytes.Count(part, []byte(marker)); n != 1 || len(part)-at < len(zeros) {
		return 0, fmt.Errorf("%q stands %d times where its digest should be, want once", marker, n)
	}
	return at, nil
}

// sum is the SHA-256 in hex; the digits of the digest begin at byte at.
func sum(at int, first []byte, rest iter.Seq[[]byte]) string {
	h := sha256.New()
	h.Write(first[:at])
	h.Write([]byte(zeros))
	h.Write(first[at+len(zeros):])
	for p := range rest {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
