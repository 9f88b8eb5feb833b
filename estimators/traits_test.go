package estimators_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// eachSpec calls check with every tensor that a method is for: bits, signs, granularity, gradient estimators and options
// that switch something.
func eachSpec(t *testing.T, m estimators.Method, check func(t *testing.T, s estimators.Spec, est estimators.Estimator)) {
	stes := []estimators.STE{nil}
	for _, name := range m.STEs {
		kind, err := estimators.STENamed(name)
		if err != nil {
			t.Fatal(err)
		}
		ste, err := kind.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		stes = append(stes, ste)
	}
	options := []estimators.Options{nil}
	for _, o := range m.Options {
		if o.Min == 0 && o.Max == 1 && o.Name != "share" { // of what is random, which a schedule changes
			options = append(options, estimators.Options{o.Name: 0}, estimators.Options{o.Name: 1})
		}
	}
	seen := 0
	for _, weights := range []bool{true, false} {
		if weights && !m.Weights || !weights && !m.Activations {
			continue
		}
		for bits := m.MinBits; bits <= min(m.MaxBits, 8); bits++ {
			for flags := range 8 {
				r := estimators.Range{Bits: bits, Signed: weights || flags&1 > 0, Narrow: (weights || flags&1 > 0) && flags&2 > 0}
				for _, ste := range stes {
					for _, o := range options {
						s := estimators.Spec{Range: r, Scales: 1 + flags>>2, Weights: weights, STE: ste, Options: o}
						if weights && flags&1 > 0 || m.Name == "affine" && r.Signed && bits == 1 { // the same again; configs refuse
							continue
						}
						est, err := m.New(s)
						if err != nil {
							continue
						}
						seen++
						name := fmt.Sprintf("%s, weights %t, %+v, scales %d, %T, %v", m.Name, weights, r, s.Scales, ste, o)
						if !t.Run(name, func(t *testing.T) { check(t, s, est) }) {
							return
						}
					}
				}
			}
		}
	}
	if seen == 0 {
		t.Errorf("%s was not tried", m.Name)
	}
}

// started are the parameters and the estimator of a first batch.
func started(t *testing.T, est estimators.Estimator, x []float32) (estimators.Estimator, estimators.Params) {
	t.Helper()
	p := zeros(est.Params())
	if err := est.Init(p, x); err != nil {
		t.Fatal(err)
	}
	if s, ok := est.(estimators.Stateful); ok {
		state := zeros(s.State(len(x)))
		if err := s.Update(state, x, p, 0); err != nil {
			t.Fatal(err)
		}
		est = s.WithState(state)
	}
	return est, p
}

func zeros(of []estimators.Learned) (p estimators.Params) {
	for _, l := range of {
		p = append(p, make([]float32, l.Len))
	}
	return p
}

func namesOf(of []estimators.Learned) (names []string) {
	for _, l := range of {
		names = append(names, l.Name)
	}
	return names
}

// What a method declares is what its estimator does.
func TestTraits(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, 600)
	for i := range x {
		if x[i] = float32(rng.NormFloat64()*0.8 + 0.1); i%3 == 0 {
			x[i] = float32(i-290) / 110
		}
	}
	x[0], x[1] = 0, 1e-6 // levels of all kinds
	for _, m := range estimators.Methods() {
		eachSpec(t, m, func(t *testing.T, s estimators.Spec, est estimators.Estimator) {
			is := m.Is(s)
			if err := is.Check(s, est); err != nil {
				t.Error(err)
			}
			if got := namesOf(est.Params()); !slices.Equal(got, is.Learned) {
				t.Errorf("it learns %v, and declares %v", got, is.Learned)
			}
			stateful, ok := est.(estimators.Stateful)
			var state []string
			if ok {
				state = namesOf(stateful.State(len(x)))
			}
			if !slices.Equal(state, is.State) {
				t.Errorf("its state is %v, and it declares %v", state, is.State)
			}
			if _, ok := est.(estimators.Startable); ok != is.Starts {
				t.Errorf("startable: %t, and it declares %t", ok, is.Starts)
			}
			now, p := started(t, est, x)
			checkLevels(t, is, s, now, p, x)
			checkStatic(t, is, est, x)
			checkZero(t, is, s, est)
			checkRandom(t, is, s, now, p, x)
			checkForm(t, is, s, now, p, x)
			checkBounds(t, m, is, s, now, p)
		})
	}
}

// checkBounds compares the levels with those of other bits from the same parameters: of what bounds x they are as near as their
// gaps allow.
func checkBounds(t *testing.T, m estimators.Method, is estimators.Traits, s estimators.Spec, est estimators.Estimator, p estimators.Params) {
	t.Helper()
	if s.Bits < 2 || s.Bits == min(m.MaxBits, 8) || len(is.Learned) == 0 || len(is.State) > 0 || is.Random {
		return
	}
	other := s
	other.Bits = min(m.MaxBits, 8)
	finer, err := m.New(other)
	if err != nil || !slices.Equal(finer.Params(), est.Params()) {
		return
	}
	const n = 1200
	x, a, b := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = (float32(i/s.Scales) - n/2/float32(s.Scales)) / 100 * float32(s.Scales)
	}
	for c := range 2 * s.Scales { // beyond every level
		x[c], x[n-1-c] = -1000, 1000
	}
	for y, e := range map[*[]float32]estimators.Estimator{&a: est, &b: finer} {
		if err := e.Forward(*y, x, p); err != nil {
			t.Fatal(err)
		}
	}
	gap, apart := 0.0, 0.0
	for c := range s.Scales {
		for i := c + 3*s.Scales; i < n-2*s.Scales; i += s.Scales {
			gap = max(gap, float64(a[i]-a[i-s.Scales]))
		}
	}
	for i := range x {
		apart = max(apart, math.Abs(float64(a[i]-b[i])))
	}
	if bounded := apart <= 1.01*gap; bounded != is.Bounds && gap > 0 { // normalized, all of it may be near 0
		t.Errorf("levels are at most %g from those of %d bits, and %g from each other; it declares that it bounds: %t", apart, other.Bits, gap, is.Bounds)
	}
}

// checkLevels quantizes x and compares codes and values with what the kind of levels says.
func checkLevels(t *testing.T, is estimators.Traits, s estimators.Spec, est estimators.Estimator, p estimators.Params, x []float32) {
	t.Helper()
	i, integer := est.(estimators.Integer)
	_, table := est.(estimators.Codebook)
	if integer != is.Levels.IsInteger() || !integer && table != (is.Levels == estimators.Table) {
		t.Fatalf("integer %t, table %t, and it declares %v", integer, table, is.Levels)
	}
	y := make([]float32, len(x))
	if err := est.Forward(y, x, p); err != nil {
		t.Fatal(err)
	}
	if !integer {
		levels := slices.Clone(y)
		slices.Sort(levels)
		levels = slices.Compact(levels)
		least := math.Inf(1)
		for k, v := range levels[1:] {
			least = min(least, float64(v-levels[k]))
		}
		even := true
		for k, v := range levels[1:] {
			steps := float64(v-levels[k]) / least
			even = even && math.Abs(steps-math.Round(steps)) < 1e-2
		}
		if s.Scales == 1 && is.Levels == estimators.AtOffset && !even {
			t.Errorf("levels %v are not even", levels)
		}
		return
	}
	scale, codes := make([]float32, s.Scales), make([]int32, len(x))
	if err := i.CodeScale(scale, x, p); err != nil {
		t.Fatal(err)
	}
	if err := i.Quantize(codes, nil, x, p); err != nil {
		t.Fatal(err)
	}
	zero := make([]int32, s.Scales) // that of 0
	for c := range zero {
		zero[c] = codes[0] - int32(math.RoundToEven(float64(y[0]/scale[0])))
		if s.Scales > 1 {
			zero[c] = codes[c+2] - int32(math.RoundToEven(float64(y[c+2]/scale[c])))
		}
	}
	nearest, signs := true, true
	for k, v := range x {
		c := k % s.Scales
		want := min(max(int32(math.RoundToEven(float64(v/scale[c])))+zero[c], int32(i.Qn())), int32(i.Qp()))
		nearest = nearest && codes[k] == want
		signs = signs && (codes[k] == 1 || codes[k] == -1)
		if got := float32(codes[k]-zero[c]) * scale[c]; math.Abs(float64(got-y[k])) > 1e-5*(1+math.Abs(float64(got))) {
			t.Fatalf("%v has the code %d of scale %v, and the value %v", v, codes[k], scale[c], y[k])
		}
	}
	kind := estimators.Integers
	switch {
	case signs && i.Qn() == -1 && i.Qp() == 1:
		kind = estimators.Signs
	case nearest:
		kind = estimators.Even
	}
	if kind != is.Levels && !(kind == estimators.Integers && is.Levels == estimators.Rescaled) && !(is.Levels == estimators.Integers && s.Bits <= 3) { // so few may happen to be even
		t.Errorf("signs %t, nearest %t: declared as %v", signs, nearest, is.Levels)
	}
	for c := range zero {
		if is.Zero == estimators.ZeroIsZero && zero[c] != 0 {
			t.Errorf("0 has the code %d, and it declares that it is 0", zero[c])
		}
	}
}

// checkStatic updates the state by two batches: the levels of a static method are those of the last.
func checkStatic(t *testing.T, is estimators.Traits, est estimators.Estimator, x []float32) {
	t.Helper()
	s, ok := est.(estimators.Stateful)
	static := ok && len(est.Params()) == 0
	if static {
		a, b, p := zeros(s.State(len(x))), zeros(s.State(len(x))), estimators.Params{}
		other := make([]float32, len(x))
		for i, v := range x {
			other[i] = 3 * v
		}
		for _, update := range []struct {
			state estimators.Params
			x     []float32
			step  int
		}{{a, other, 0}, {a, x, 1}, {b, x, 0}} {
			if err := s.Update(update.state, update.x, p, update.step); err != nil {
				t.Fatal(err)
			}
		}
		static = fmt.Sprint(a) == fmt.Sprint(b)
	}
	if static != is.Static {
		t.Errorf("static: %t, and it declares %t", static, is.Static)
	}
}

// checkZero starts from a range that has 0 in a third of it, where the method can.
func checkZero(t *testing.T, is estimators.Traits, s estimators.Spec, est estimators.Estimator) {
	t.Helper()
	from, ok := est.(estimators.Startable)
	if !ok || s.Weights || s.Bits <= 2 || is.Form == estimators.Plain { // of a plain one the network keeps the calibrated zero point
		return
	}
	a := estimators.Affine{Range: s.Range, Scale: slices.Repeat([]float32{0.1}, s.Scales), ZeroPoint: make([]int32, s.Scales)}
	for c := range a.ZeroPoint {
		a.ZeroPoint[c] = int32(s.Qn() + (s.Qp()-s.Qn())/3)
	}
	p := zeros(est.Params())
	if err := from.Start(p, a); err != nil {
		t.Fatal(err)
	}
	x, y := []float32{-100, -100}, []float32{0, 0}
	if err := est.Forward(y, x, p); err != nil {
		t.Fatal(err)
	}
	low := float32(s.Qn()-int(a.ZeroPoint[0])) * 0.1
	if follows := math.Abs(float64(y[0]-low)) < 1e-5; follows != (is.Zero == estimators.ZeroLearned) {
		t.Errorf("the lowest level is %v, of the range %v: it declares the zero point %v", y[0], low, is.Zero)
	}
}

// checkRandom compares two seeds, and what they give with the levels.
func checkRandom(t *testing.T, is estimators.Traits, s estimators.Spec, est estimators.Estimator, p estimators.Params, x []float32) {
	t.Helper()
	random, noisy := false, false
	if r, ok := est.(estimators.Random); ok {
		a, b, scale := make([]float32, len(x)), make([]float32, len(x)), make([]float32, s.Scales)
		for seed, y := range [][]float32{a, b} {
			if err := r.Seeded(uint64(seed)).Forward(y, x, p); err != nil {
				t.Fatal(err)
			}
		}
		if err := est.(estimators.Integer).CodeScale(scale, x, p); err != nil {
			t.Fatal(err)
		}
		random = !slices.Equal(a, b)
		for i, v := range a {
			code := float64(v / scale[i%s.Scales])
			noisy = noisy || math.Abs(code-math.Round(code)) > 0.01
		}
	}
	if random != is.Random || noisy != is.Noisy {
		t.Errorf("random %t, noisy %t, and it declares %t and %t", random, noisy, is.Random, is.Noisy)
	}
}

// checkForm asks for the staircase, and compares the gradients of a plain quantizer with what kernels compute.
func checkForm(t *testing.T, is estimators.Traits, s estimators.Spec, est estimators.Estimator, p estimators.Params, x []float32) {
	t.Helper()
	if r, ok := est.(estimators.Random); ok && is.Random {
		est = r.Seeded(1)
	}
	stepped, stairs := est.(estimators.Stepped)
	if stairs = stairs && !s.Weights; stairs {
		levels, ok, err := stepped.Staircase(p)
		if err != nil {
			t.Fatal(err)
		}
		stairs = ok && s.Scales == 1
		kind := estimators.Even
		switch {
		case levels.Ladder != nil: // signs, powers of two, or a table
			kind = is.Levels
			stairs = stairs && kind != estimators.Even && kind != estimators.Rescaled && kind != estimators.AtOffset
		case levels.Offset != 0:
			kind = estimators.AtOffset
		case levels.Scale != levels.Unit || levels.Shift != 0:
			kind = estimators.Rescaled
		}
		if stairs && is.Levels != kind {
			t.Errorf("declared to be %v, and the staircase is %+v", is.Levels, levels)
		}
	}
	if _, scaled := est.(estimators.Scaled); is.Form == estimators.Plain {
		if !scaled || is.Levels != estimators.Even {
			t.Fatalf("a plain quantizer of levels %v, with a scale of its own: %t", is.Levels, scaled)
		}
		checkPlain(t, is, s, est.(estimators.Scaled), p, x)
	} else if stairs != (is.Form == estimators.Stairs) {
		t.Errorf("a staircase: %t, and it declares %v", stairs, is.Form)
	}
}

// checkPlain compares a method's gradients with those of [estimators.Pass]; steps on both sides of the ends tell them apart.
func checkPlain(t *testing.T, is estimators.Traits, s estimators.Spec, est estimators.Scaled, p estimators.Params, x []float32) {
	t.Helper()
	first, scales, codes := make([]float32, s.Scales), make([]float32, s.Scales), []int32{0}
	if err := est.FirstScale(first, x); err != nil {
		t.Fatal(err)
	}
	if err := est.CodeScale(scales, nil, p); err != nil || fmt.Sprint(first) != fmt.Sprint(scales) {
		t.Errorf("the first scale is %v, and by itself %v (%v)", first, scales, err)
	}
	if s.Scales > 1 {
		return
	}
	if err := est.Quantize(codes, nil, []float32{0}, p); err != nil {
		t.Fatal(err)
	}
	zero, scale := float64(codes[0]), scales[0]
	v := []float64{-0.4, 0.3, 0.6, float64(est.Qp()) - zero + 0.3, float64(est.Qp()) - zero + 9, float64(est.Qn()) - zero - 0.3, float64(est.Qn()) - zero - 9}
	for i, d := range v {
		dx, dp := []float32{0}, zeros(est.Params())
		if err := est.Backward(dx, dp, []float32{float32(d * float64(scale))}, []float32{2}, p); err != nil {
			t.Fatal(err)
		}
		lo, hi, level := float64(est.Qn())-zero, float64(est.Qp())-zero, math.RoundToEven(d)
		sum, inside := 0.0, lo <= d && d <= hi
		switch {
		case is.Pass == estimators.PassRounded:
			inside = lo <= level && level <= hi
		case inside && is.Pass == estimators.PassClipped:
			sum = 2 * (level - d)
		case d > hi:
			sum = 2 * hi
		case d < lo:
			sum = 2 * lo
		}
		if (dx[0] == 2) != inside {
			t.Errorf("v[%d] = %v: dx is %v, inside: %t", i, d, dx[0], inside)
		}
		if len(dp) == 0 {
			if got := est.ScaleGradient(scale, sum, 1); got != 0 {
				t.Errorf("nothing is learned, and the scale has the gradient %v", got)
			}
			continue
		}
		// Of a parameter that is a multiple of the scale, such as n*scale, the gradient is 1/n of the scale's; descent by the
		// scale's over n^2 moves both alike. Without its penalty:
		n := float64(p[0][0] / scale)
		got := float64(est.ScaleGradient(scale, sum, 1)) - float64(est.ScaleGradient(scale, 0, 1))
		if want := float64(dp[0][0]) / n; math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
			t.Errorf("v[%d] = %v: the scale has the gradient %v, and by itself %v", i, d, got, want)
		}
	}
}
