package export

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The bytes follow by hand from the definition in docs/arithmetic.md.
func TestPack(t *testing.T) {
	for _, tt := range []struct {
		values []int8
		bits   int
		want   []byte
	}{
		{nil, 4, []byte{}},
		{[]int8{-1, 0, -1, -1, 0, 0, 0, -1, -1}, 1, []byte{0b1000_1101, 0b1}},
		{[]int8{1, -2, -1, 0, 1}, 2, []byte{0b00_11_10_01, 0b01}},
		{[]int8{1, -1, -4}, 3, []byte{0b00_111_001, 0b1}}, // 100 begins in the first byte: its two low bits are 0
		{[]int8{1, -8, 7}, 4, []byte{0x81, 0x07}},
		{[]int8{-16, 15}, 5, []byte{0b111_10000, 0b01}},
		{[]int8{-128, 127}, 8, []byte{0x80, 0x7f}},
	} {
		if got := pack(tt.values, tt.bits); !bytes.Equal(got, tt.want) {
			t.Errorf("%v in %d bits: got %08b, want %08b", tt.values, tt.bits, got, tt.want)
		}
	}
}

func TestUnpackReversesPack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for bits := 1; bits <= 8; bits++ {
		for n := range 40 {
			values := make([]int8, n)
			for i := range values {
				values[i] = int8(rng.IntN(1<<bits) - 1<<(bits-1))
			}
			got, err := unpack[int8](pack(values, bits), n, bits)
			if err != nil || !slices.Equal(got, values) {
				t.Fatalf("%d bits: got %v, %v, want %v", bits, got, err, values)
			}
		}
	}
	for _, tt := range []struct {
		data    []byte
		n, bits int
	}{{nil, 1, 4}, {[]byte{0}, 3, 4}, {[]byte{0, 0}, 2, 4}, {[]byte{0x10}, 1, 4}, {[]byte{0}, -1, 4}, {[]byte{0}, math.MaxInt, 4}} {
		if got, err := unpack[int8](tt.data, tt.n, tt.bits); err == nil {
			t.Errorf("%d integers of %d bits in %v: got %v, want an error", tt.n, tt.bits, tt.data, got)
		}
	}
}

func TestPackBiases(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, values := range [][]int32{{0}, {-1}, {1}, {-2}, {127, -128}, {128}, {math.MaxInt32, math.MinInt32}} {
		for range 20 {
			values = append(values, int32(rng.Uint32())>>rng.IntN(32)%(values[0]|1))
		}
		bits := bitsOf(values)
		got, err := unpack[int32](pack(values, bits), len(values), bits)
		if err != nil || !slices.Equal(got, values) {
			t.Fatalf("%d bits: got %v, %v, want %v", bits, got, err, values)
		}
	}
	for want, values := range map[int][]int32{1: {0, -1}, 2: {1}, 8: {-128, 5}, 9: {128}, 32: {math.MinInt32}} {
		if got := bitsOf(values); got != want {
			t.Errorf("%v take %d bits, want %d", values, got, want)
		}
	}
}

// Weights of one bit are signs; the others are integers, also where they are all -1
// and 1.
func TestLevels(t *testing.T) {
	for _, tt := range []struct {
		w    []int8
		bits int
		want levels
		data []byte
	}{
		{[]int8{1, -1, -1, 1, 1, 1, 1, 1, -1}, 1, signs, []byte{0b110, 1}},
		{[]int8{1, -1, 0}, 2, "int2", []byte{0b00_11_01}},
		{[]int8{-1, 1}, 2, "int2", []byte{0b01_11}},
		{[]int8{1, -1}, 3, "int3", []byte{0b111_001}},
	} {
		l := levelsOf(tt.bits)
		data := l.pack(tt.w)
		back, err := l.unpack(data, len(tt.w))
		if l != tt.want || l.bits() != tt.bits || !bytes.Equal(data, tt.data) || err != nil || !slices.Equal(back, tt.w) {
			t.Errorf("%v of %d bits: levels %q of %d bits, bytes %08b, read as %v, %v", tt.w, tt.bits, l, l.bits(), data, back, err)
		}
	}
	for _, l := range []levels{"", "int0", "int1", "int9", "int", "int12", "sig"} {
		if l.bits() != 0 {
			t.Errorf("%q has %d bits", l, l.bits())
		}
	}
}

func TestTranspose(t *testing.T) {
	// (pixels 2, in 2, out 3) to (out, in, pixels) and back.
	w := []int8{0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112}
	want := []int8{0, 100, 10, 110, 1, 101, 11, 111, 2, 102, 12, 112}
	if got := transpose(w, 2, 2, 3); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := transpose(want, 3, 2, 2); !slices.Equal(got, w) {
		t.Errorf("back: got %v, want %v", got, w)
	}
}
