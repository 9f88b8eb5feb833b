package kernels

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// golden are the cases of testdata/max_pool.py; nil is NaN.
type golden struct {
	H, W, C, Kernel, Stride, Padding int
	OutH                             int `json:"out_h"`
	OutW                             int `json:"out_w"`
	X, Y, DY, DX                     []*float32
}

func (g *golden) window() *Window {
	return &Window{H: g.H, W: g.W, C: g.C, OutH: g.OutH, OutW: g.OutW, Kernel: Size{g.Kernel, g.Kernel}, Stride: Size{g.Stride, g.Stride}, Top: g.Padding, Left: g.Padding}
}

// TestMaxPoolAgreesWithPyTorch compares values and gradients, among them those of ties and NaN.
func TestMaxPoolAgreesWithPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/max_pool.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []golden }
	if err := json.Unmarshal(text, &file); err != nil || len(file.Cases) < 9 {
		t.Fatalf("%d cases, error %v", len(file.Cases), err)
	}
	values := func(v []*float32) []float32 {
		out := make([]float32, len(v))
		for i, p := range v {
			out[i] = float32(math.NaN())
			if p != nil {
				out[i] = *p
			}
		}
		return out
	}
	same := func(what string, got, want []float32) {
		t.Helper()
		if !slices.EqualFunc(got, want, func(a, b float32) bool { return a == b || a != a && b != b }) {
			t.Errorf("%s: %v, PyTorch has %v", what, got, want)
		}
	}
	for _, g := range file.Cases {
		w, x, dy, want, wantGrad := g.window(), values(g.X), values(g.DY), values(g.Y), values(g.DX)
		nan := slices.ContainsFunc(x, func(v float32) bool { return v != v })
		codes := make([]uint8, len(x))
		for i, v := range x {
			codes[i] = uint8(2*v + 8)
		}
		in, out := w.H*w.W*w.C, w.OutH*w.OutW*w.C
		for n := range 2 {
			y, dx, c := make([]float32, out), make([]float32, in), make([]uint8, out)
			MaxPool(y, x[n*in:][:in], w)
			same("values", y, want[n*out:][:out])
			MaxPoolGrad(dx, dy[n*out:][:out], x[n*in:][:in], w)
			same("gradient", dx, wantGrad[n*in:][:in])
			if nan {
				continue
			}
			MaxPoolCodes(c, codes[n*in:][:in], w)
			for i, v := range c {
				y[i] = (float32(v) - 8) / 2
			}
			same("codes", y, want[n*out:][:out])
			MaxPoolCodesGrad(dx, dy[n*out:][:out], codes[n*in:][:in], w)
			same("gradient of codes", dx, wantGrad[n*in:][:in])
		}
	}
}

// TestMaxPoolShapes compares random windows, also of many channels, with a search of its own.
func TestMaxPoolShapes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		w := &Window{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), C: 1 + rng.IntN(150), Kernel: Size{1 + rng.IntN(4), 1 + rng.IntN(4)}, Stride: Size{1 + rng.IntN(3), 1 + rng.IntN(3)}}
		w.Top, w.Left = rng.IntN(w.Kernel.H/2+1), rng.IntN(w.Kernel.W/2+1)
		// Each window begins on the picture or before it, and ends on it or after it.
		w.OutH, w.OutW = 1+rng.IntN((w.H-1+w.Top)/w.Stride.H+1), 1+rng.IntN((w.W-1+w.Left)/w.Stride.W+1)
		x, dy := make([]uint8, w.H*w.W*w.C), make([]float32, w.OutH*w.OutW*w.C)
		for i := range x {
			x[i] = uint8(rng.IntN(4)) * 85
		}
		floats := make([]float32, len(x))
		for i, v := range x {
			floats[i] = float32(v)
		}
		for i := range dy {
			dy[i] = float32(rng.IntN(9) - 4)
		}
		want, grad := make([]float32, len(dy)), make([]float32, len(x))
		for o := range want {
			c, j, i := o%w.C, o/w.C%w.OutW, o/w.C/w.OutW
			best := -1
			for tap := range w.Kernel.H * w.Kernel.W {
				r, s := i*w.Stride.H+tap/w.Kernel.W-w.Top, j*w.Stride.W+tap%w.Kernel.W-w.Left
				if at := (r*w.W+s)*w.C + c; r >= 0 && r < w.H && s >= 0 && s < w.W && (best < 0 || x[at] > x[best]) {
					best = at
				}
			}
			want[o] = float32(x[best])
			grad[best] += dy[o]
		}
		y, dx, codes, dc := make([]float32, len(dy)), make([]float32, len(x)), make([]uint8, len(dy)), make([]float32, len(x))
		MaxPool(y, floats, w)
		MaxPoolGrad(dx, dy, floats, w)
		MaxPoolCodes(codes, x, w)
		MaxPoolCodesGrad(dc, dy, x, w)
		if !slices.Equal(y, want) || !slices.Equal(dx, grad) || !slices.Equal(dc, grad) ||
			!slices.EqualFunc(codes, want, func(c uint8, v float32) bool { return float32(c) == v }) {
			t.Fatalf("%+v: values, codes or a gradient are not those of the search", *w)
		}
	}
}

func TestMaxPoolAllocatesNothing(t *testing.T) {
	w := &Window{H: 4, W: 4, C: 100, OutH: 2, OutW: 2, Kernel: Size{2, 2}, Stride: Size{2, 2}}
	x, dx, y, dy, c, d := make([]float32, 1600), make([]float32, 1600), make([]float32, 400), make([]float32, 400), make([]uint8, 1600), make([]uint8, 400)
	if n := testing.AllocsPerRun(10, func() {
		MaxPool(y, x, w)
		MaxPoolGrad(dx, dy, x, w)
		MaxPoolCodes(d, c, w)
		MaxPoolCodesGrad(dx, dy, c, w)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMaxPool(b *testing.B) {
	w := &Window{H: 32, W: 32, C: 64, OutH: 16, OutW: 16, Kernel: Size{2, 2}, Stride: Size{2, 2}}
	x, dx, y, dy := make([]float32, 32*32*64), make([]float32, 32*32*64), make([]float32, 16*16*64), make([]float32, 16*16*64)
	c, d := make([]uint8, len(x)), make([]uint8, len(y))
	for i := range x {
		x[i], c[i] = rand.Float32(), uint8(rand.UintN(256))
	}
	for name, f := range map[string]func(){
		"floats": func() { MaxPool(y, x, w) }, "floats gradient": func() { MaxPoolGrad(dx, dy, x, w) },
		"codes": func() { MaxPoolCodes(d, c, w) }, "codes gradient": func() { MaxPoolCodesGrad(dx, dy, c, w) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(x)))
			for b.Loop() {
				f()
			}
		})
	}
}
