package mutation

import (
	"bytes"
	"testing"
)

func TestStorm(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 200)
	calls, same, lengths := 0, 0, map[int]bool{}
	Storm(t, data, func(b []byte) {
		calls++
		lengths[len(b)] = true
		if bytes.Equal(b, data) {
			same++
		}
	})
	if calls != Count+Count/10 || same > calls/10 || len(lengths) < Count/5 {
		t.Errorf("%d calls, %d with the file itself, %d lengths", calls, same, len(lengths))
	}
	if !bytes.Equal(data, bytes.Repeat([]byte("0123456789"), 200)) {
		t.Error("the file itself is damaged")
	}
	if !bytes.Equal(of(data, 7), of(data, 7)) {
		t.Error("a seed gives two files")
	}
	for _, small := range [][]byte{nil, {1}, {1, 2}} {
		Storm(t, small, func([]byte) {})
	}
}
