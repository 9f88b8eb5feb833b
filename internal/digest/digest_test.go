package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

func TestSealAndCheck(t *testing.T) {
	marker := "digest " + Scheme
	head, rest := []byte("before digest "+Placeholder+" after"), []byte("the rest")
	whole := sha256.Sum256(append(slices.Clone(head), rest...))
	if err := Seal(marker, head, rest); err != nil {
		t.Fatal(err)
	}
	if want := "before digest sha256:" + hex.EncodeToString(whole[:]) + " after"; string(head) != want {
		t.Fatalf("sealed %q, want %q", head, want)
	}
	if err := Check(marker, head, rest); err != nil {
		t.Error(err)
	}
	for _, part := range [][]byte{head, rest} {
		for i := range part {
			for bit := range 8 {
				part[i] ^= 1 << bit
				if err := Check(marker, head, rest); !errors.Is(err, ErrMismatch) {
					t.Errorf("byte %d of %q, bit %d: error %v", i, part, bit, err)
				}
				part[i] ^= 1 << bit
			}
		}
	}
	for _, bad := range []string{"nothing", "digest sha256:12", string(head) + string(head)} {
		if Seal(marker, []byte(bad)) == nil || !errors.Is(Check(marker, []byte(bad)), ErrMismatch) {
			t.Errorf("%q is accepted", bad)
		}
	}
}
