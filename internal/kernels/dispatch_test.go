package kernels

import (
	"strings"
	"testing"
)

func TestChoosePath(t *testing.T) {
	for _, c := range []struct {
		want string
		best path
		got  path
		err  string
	}{
		{"", avx2, avx2, ""},
		{"generic", avx512, generic, ""},
		{"avx2", avx512, avx2, ""},
		{"avx512", avx512, avx512, ""},
		{"avx512", avx2, avx2, "no avx512 kernels; the best it has is avx2"},
		{"avx2", generic, generic, "no avx2 kernels; the best it has is generic"},
		{"AVX2", avx512, avx512, `unknown path "AVX2"`},
	} {
		got, err := choosePath(c.want, c.best)
		if got != c.got || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("choosePath(%q, %v) = %v, %v; want %v, %q", c.want, c.best, got, err, c.got, c.err)
		}
	}
	if Check() != levelErr || Path() != pathNames[level] {
		t.Error("Check or Path disagrees with the path in use")
	}
}
