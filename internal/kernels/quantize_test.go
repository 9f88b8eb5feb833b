package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var (
	nan  = float32(math.NaN())
	infp = float32(math.Inf(1))
)

func TestQuantizeGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		q    Uniform
		x    []float32
		want []uint8
	}{
		// Ties go to the even integer; worked by hand.
		{"unsigned 2 bits", Uniform{Scale: 0.5, Qp: 3}, []float32{-1, 0.25, 0.75, 1.25, 1.24, 0.26, 1.5, 9, nan, infp, -infp},
			[]uint8{0, 0, 2, 2, 2, 1, 3, 3, 0, 3, 0}},
		{"signed 4 bits", Uniform{Scale: 2, Qn: -8, Qp: 7, ZeroPoint: 8}, []float32{-1, -3, -5, 1, 3, -15, -17, -99, 13, 14, nan, infp, -infp},
			[]uint8{8, 6, 6, 8, 10, 0, 0, 0, 14, 15, 0, 15, 0}},
		// 1.55/0.1 and 2.35/0.1 are below the tie in float32; times 1/0.1 they would be on it.
		{"8 bits", Uniform{Scale: 0.1, Qn: -128, Qp: 127, ZeroPoint: 128}, []float32{0.05, 0.15, 1.55, 2.35, -12.85, 12.75, 1e30},
			[]uint8{128, 130, 143, 151, 0, 255, 255}},
	} {
		got := make([]uint8, len(c.x))
		QuantizeRow(got, c.x, &c.q)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// acc*mult + 10: 2.5 and 3.5 to even, then clipped to [0, 15].
	codes := make([]uint8, 6)
	Requantize(codes, []int32{5, 7, 1000, -5, -7, -1000}, []float32{0.5}, 10, 0, 15)
	if want := []uint8{12, 14, 15, 8, 6, 0}; !slices.Equal(codes, want) {
		t.Errorf("requantized: %v, want %v", codes, want)
	}
	y := make([]float32, 3)
	DequantizeRow(y, []uint8{0, 8, 15}, &Uniform{Scale: 0.5, ZeroPoint: 8})
	if !slices.Equal(y, []float32{-4, 0, 3.5}) {
		t.Errorf("dequantized: %v", y)
	}
}

func TestQuantizeGradGolden(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	// v = x/s = 0.25, 1.5, 2.75, 3, 5, -1, NaN; by hand from equation 3 of the paper.
	x, dy := []float32{0.5, 3, 5.5, 6, 10, -2, nan}, []float32{1, 2, 4, 8, 16, 32, 64}
	dx := make([]float32, len(x))
	sum := QuantizeGrad(p, 1, dx, x, dy, Uniform{Scale: 2, Qn: 0, Qp: 3})
	if want := -0.25*1 + 0.5*2 + 0.25*4 + 0*8 + 3*16 + 0*32 + 0*64; sum != want {
		t.Errorf("sum %g, want %g", sum, want)
	}
	if want := []float32{1, 2, 4, 8, 0, 0, 0}; !slices.Equal(dx, want) {
		t.Errorf("dx %v, want %v", dx, want)
	}
}

// A flat quantizer is PACT with alpha = Qp*s: dalpha = sum of dy where x >= alpha (Choi et al. 2018, equation 3).
func TestFlatQuantizeGradIsPACT(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	x, dy := []float32{0.5, 3, 5.5, 6.5, 10, -2}, []float32{1, 2, 4, 8, 16, 32}
	sum := QuantizeGrad(p, 1, make([]float32, len(x)), x, dy, Uniform{Scale: 2, Qn: 0, Qp: 3, Flat: true})
	if want := 8.0 + 16; sum/3 != want {
		t.Errorf("dalpha %g, want %g", sum/3, want)
	}
}

// Against the formula in float64, over several pictures.
func TestQuantizeGradSum(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	rng := rand.New(rand.NewPCG(11, 12))
	x, dy, q := normal(rng, 5*777), normal(rng, 5*777), Uniform{Scale: 0.25, Qn: -4, Qp: 3}
	want, mag := 0.0, 0.0
	for i := range x {
		v := float64(x[i]) / 0.25
		d := math.RoundToEven(v) - v
		if v < -4 {
			d = -4
		} else if v > 3 {
			d = 3
		}
		want += float64(dy[i]) * d
		mag += math.Abs(float64(dy[i]) * d)
	}
	got := QuantizeGrad(p, 5, make([]float32, len(x)), x, dy, q)
	if math.Abs(got-want) > mag*0x1p-22 {
		t.Errorf("%g, want %g", got, want)
	}
}

// Topped is a quantizer behind ReLU6: what that clips is inside of the range, and has no gradient.
func TestTop(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	for _, scale := range []float32{2, 0.5, 1.7, 0.4, 1} { // the last levels are 3, 15 and, of 6, 6/s
		x := []float32{-1, 0, 0.3, 3.1, 5.9, 5.9999995, 6, 6.0000005, 9, 1e30}
		dy := []float32{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
		six, codes, want := make([]float32, len(x)), make([]uint8, len(x)), make([]uint8, len(x))
		ReLU6Row(six, x)
		plain := Uniform{Scale: scale, Qn: 0x1p-40, Qp: 15}
		topped := plain
		if top := 6 / scale; top <= topped.Qp {
			topped.Top = top
		}
		QuantizeRow(codes, x, &topped)
		QuantizeRow(want, six, &plain)
		if !slices.Equal(codes, want) {
			t.Errorf("scale %g: codes %v, of min(x, 6) %v", scale, codes, want)
		}
		dx, wantDX := make([]float32, len(x)), make([]float32, len(x))
		sum, wantSum := QuantizeGrad(p, 1, dx, x, dy, topped), QuantizeGrad(p, 1, wantDX, six, dy, plain)
		ReLU6GradRow(wantDX, six, wantDX)
		if dx, wantDX = slices.Delete(dx, 5, 6), slices.Delete(wantDX, 5, 6); !slices.Equal(dx, wantDX) { // 5.9999995/s may round to 6/s
			t.Errorf("scale %g: dx %v, of min(x, 6) %v", scale, dx, wantDX)
		}
		if math.Abs(sum-wantSum) > 1e-4*math.Abs(wantSum)+1e-4 {
			t.Errorf("scale %g: the scale's gradient %g, of min(x, 6) %g", scale, sum, wantSum)
		}
	}
}

// Product against sums in float64 in the order of k; b turned, with several pieces, on several threads.
func TestProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	const m, k, n = 2*matrixPiece + 5, 9, 37
	a, b, init, y := normal(rng, m*k), normal(rng, k*n), normal(rng, n), make([]float32, m*n)
	p := NewPool(3)
	defer p.Close()
	for _, pool := range []*Pool{nil, p} {
		clear(y)
		(&Product{Y: Matrix{y, n, 1}, A: Matrix{a, 1, m}, B: Matrix{b, 1, k}, M: m, K: k, N: n, Init: init}).Run(pool)
		for i := range m {
			for j := range n {
				sum := float64(init[j])
				for l := range k {
					sum += float64(a[l*m+i]) * float64(b[j*k+l])
				}
				if y[i*n+j] != float32(sum) {
					t.Fatalf("y[%d, %d] is %g, want %g", i, j, y[i*n+j], sum)
				}
			}
		}
	}
}

// NaN is found wherever it is, and infinities are numbers.
func TestQuantizeNumbers(t *testing.T) {
	q := Uniform{Scale: 0.5, Qp: 3}
	for _, n := range []int{0, 1, 15, 16, 17, 47, readTogether + 19} {
		x, codes, want := make([]float32, n), make([]uint8, n), make([]uint8, n)
		for i := range x {
			x[i] = float32(i%9) - 4
			if i%5 == 0 {
				x[i] = infp
			}
		}
		for at := -1; at < n; at++ {
			if at >= 0 {
				x[at] = nan
			}
			got := QuantizeNumbers(codes, x, &q)
			if QuantizeRow(want, x, &q); got != (at < 0) || !slices.Equal(codes, want) {
				t.Fatalf("%d values, NaN at %d: numbers %v, codes %v, want %v", n, at, got, codes, want)
			}
			if at >= 0 {
				x[at] = 0
			}
		}
	}
}
