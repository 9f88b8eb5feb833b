package safetensors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/digest"
)

// Which files have to have a digest, and what is said of those that do not.
func TestReading(t *testing.T) {
	of := func(format, version string) *File {
		return &File{Metadata: map[string]string{"format": format, "version": version}, Tensors: []Tensor{NewTensor("a", nil, []int8{1})}}
	}
	sealed := of("qat.checkpoint", "2")
	sealed.Metadata[digest.Key] = ""
	whole := marshal(t, sealed)
	damaged := slices.Clone(whole)
	damaged[len(damaged)-1] ^= 1
	const old = "x has no digest, since an earlier version wrote it: damage would not be noticed"
	for _, tt := range []struct {
		name     string
		data     []byte
		mismatch bool
		notes    string // with Force
	}{
		{"a sealed file", whole, false, ""},
		{"a damaged file", damaged, true, "it is read all the same"},
		{"an old checkpoint", marshal(t, of("qat.checkpoint", "1")), false, old},
		{"an old export", marshal(t, of("qat.integer", "2")), false, old},
		{"a checkpoint that lost its digest", marshal(t, of("qat.checkpoint", "2")), true, "which is not there"},
		{"an export that lost its digest", marshal(t, of("qat.integer", "3")), true, "which is not there"},
		{"a file of another program", marshal(t, of("pt", "2")), false, ""},
	} {
		if _, err := (Reading{}).Parse("x", tt.data); errors.Is(err, digest.ErrMismatch) != tt.mismatch || (err != nil) != tt.mismatch {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if _, err := Read(tt.data); errors.Is(err, digest.ErrMismatch) != tt.mismatch || (err != nil) != tt.mismatch {
			t.Errorf("%s, by Read: error %v", tt.name, err)
		}
		var notes []string
		r := Reading{Force: true, Note: func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }}
		f, err := r.Parse("x", tt.data)
		if err != nil || len(f.Tensors) != 1 {
			t.Errorf("%s, with Force: %v", tt.name, err)
		}
		if got := strings.Join(notes, "\n"); tt.notes == "" && got != "" || !strings.Contains(got, tt.notes) {
			t.Errorf("%s: notes %q, want %q", tt.name, got, tt.notes)
		}
	}
}
