// Package mutation damages files for tests of what reads them: whatever a file holds, a reader returns it or an error.
package mutation

import (
	"bytes"
	"math/rand/v2"
	"runtime/debug"
	"testing"
)

// Storm calls read with data damaged in Count ways, and with as many prefixes of it as there are tenths of Count. A panic
// fails the test; what read checks besides is its own.
func Storm(t *testing.T, data []byte, read func(damaged []byte)) {
	t.Helper()
	for i := range Count {
		call(t, i, of(data, uint64(i)), read)
	}
	for i := range Count / 10 {
		n := len(data) * i / (Count / 10)
		call(t, i, data[:n:n], read)
	}
}

func call(t *testing.T, i int, damaged []byte, read func([]byte)) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("mutation %d of %d bytes panics: %v\n%s", i, len(damaged), r, debug.Stack())
		}
	}()
	read(damaged)
}

// odd are bytes that mean something in one format or another: limits of integers, markers, opcodes, brackets.
var odd = []byte{0, 1, 0x7f, 0x80, 0xff, 0xda, 0xc4, '(', ')', '{', '}', '[', ']', '"', ':', '-', ',', '.', '\n', '\t', ' ', '*', '&', 'R', 'Q', 'h', '9'}

// of returns data with one to four changes; the same seed gives the same ones.
func of(data []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, uint64(len(data))))
	b := bytes.Clone(data)
	for range 1 + r.IntN(4) {
		if len(b) < 2 {
			return b
		}
		// Half of the changes are among the first bytes, where headers are.
		at := r.IntN(len(b))
		if r.IntN(2) == 0 {
			at = r.IntN(min(len(b), 256))
		}
		n := min(1+r.IntN(64), len(b)-at)
		switch r.IntN(8) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = odd[r.IntN(len(odd))]
		case 2:
			b[at] = byte(r.Uint32())
		case 3: // a length
			for i := range min(n, 8) {
				b[at+i] = []byte{0, 0xff}[r.IntN(2)]
			}
		case 4:
			b = append(b[:at], b[at+n:]...)
		case 5:
			b = bytes.Join([][]byte{b[:at+n], b[at:]}, nil) // twice
		case 6:
			clear(b[at:min(at+512*r.IntN(9), len(b))]) // pages
		case 7:
			other := r.IntN(len(b) - n + 1)
			copy(b[at:at+n], bytes.Clone(b[other:other+n]))
		}
	}
	return b
}
