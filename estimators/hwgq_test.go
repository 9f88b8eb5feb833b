package estimators_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func TestHWGQ(t *testing.T) {
	var cases []estimatortest.Case
	add := func(name string, bits int, e estimators.Codebook) {
		table, err := e.Table(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var grid []float64
		for _, l := range table[0] {
			grid = append(grid, float64(l))
		}
		top := grid[len(grid)-1]
		if len(grid) != 1<<bits {
			t.Errorf("%s: %d levels", name, len(grid))
		}
		cases = append(cases, estimatortest.Case{
			Name: name, Estimator: e, Bits: bits, Grids: [][]float64{grid}, Idempotent: true,
			Gradient: straight(func(i int, x []float64) bool { return 0 < x[i] && x[i] <= top }),
		})
	}
	for _, bits := range []int{1, 2, 3, 4, 8} {
		free, err := estimators.NewHWGQ(bits)
		if err != nil {
			t.Fatal(err)
		}
		uniform, err := estimators.NewUniformHWGQ(bits)
		if err != nil {
			t.Fatal(err)
		}
		add(fmt.Sprintf("free %d", bits), bits, free)
		add(fmt.Sprintf("uniform %d", bits), bits, uniform)
		checkTable(t, free, nil, normals(50, 1, 0, 1))
	}
	estimatortest.Run(t, cases...)
}

// Cai et al. 2017, equation 8: x up to 0 is 0, and the smallest x above it has the first level.
func TestHWGQThresholds(t *testing.T) {
	e, err := estimators.NewUniformHWGQ(2)
	if err != nil {
		t.Fatal(err)
	}
	scale := []float32{0}
	if err := e.CodeScale(scale, nil, nil); err != nil || math.Abs(float64(scale[0])-0.538) > 1e-3 {
		t.Errorf("the scale is %v, %v; want 0.538", scale, err)
	}
	d := scale[0]
	x := []float32{-1, 0, 1e-30, 1.49 * d, 1.51 * d, 2.49 * d, 2.51 * d, 3 * d, 3.01 * d, 100}
	codes, dx := make([]int32, len(x)), make([]float32, len(x))
	if err := e.Quantize(codes, nil, x, nil); err != nil || !slices.Equal(codes, []int32{0, 0, 1, 1, 2, 2, 3, 3, 3, 3}) {
		t.Errorf("codes are %v, %v", codes, err)
	}
	err = e.Backward(dx, nil, x, []float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, nil)
	if err != nil || !slices.Equal(dx, []float32{0, 0, 1, 1, 1, 1, 1, 1, 0, 0}) {
		t.Errorf("dx is %v, %v", dx, err)
	}
}

func TestHWGQNew(t *testing.T) {
	m, err := estimators.MethodNamed("hwgq")
	if err != nil {
		t.Fatal(err)
	}
	spec := estimators.Spec{Range: estimators.Range{Bits: 2}, Options: estimators.Options{"uniform": 1}}
	if e, err := m.New(spec); err != nil {
		t.Error(err)
	} else if _, ok := e.(estimators.Integer); !ok {
		t.Errorf("uniform: %T has no integers", e)
	}
	spec.Options = estimators.Options{"uniform": 0}
	if e, err := m.New(spec); err != nil {
		t.Error(err)
	} else if _, ok := e.(estimators.HWGQ); !ok {
		t.Errorf("not uniform: %T", e)
	}
	for want, s := range map[string]estimators.Spec{
		"a signed range": {Range: estimators.Range{Bits: 2, Signed: true}},
		"3 channels":     {Range: estimators.Range{Bits: 2}, Scales: 3},
		"9 bits":         {Range: estimators.Range{Bits: 9}},
	} {
		if _, err := m.New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	y := make([]float32, 1)
	if err := (estimators.HWGQ{}).Forward(y, y, nil); err == nil || !strings.Contains(err.Error(), "NewHWGQ") {
		t.Errorf("the zero value: %v", err)
	}
}
