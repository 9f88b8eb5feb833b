package layers

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/threads"
)

// stranger is a method that another package adds: activations from 0 to a bound at the largest value of the first batch,
// with a gradient of its own. It has no kernels and nothing in other packages knows its name.
type stranger struct {
	estimators.Range
	decay float32
	lie   float64 // 1: codes beyond Qp; 2: no scale
}

const strangersName = "a_strangers_method"

func init() {
	estimators.Register(estimators.Method{
		Name: strangersName, Source: "of this test", Doc: "even levels up to a learned bound", Activations: true, MinBits: 2, MaxBits: 8,
		Options: []estimators.Option{{Name: "strangers_decay", Doc: "of the gradient outside", Default: 0.5, Max: 1}, {Name: "strangers_lie", Doc: "what is not as declared", Max: 2}},
		Is: func(estimators.Spec) estimators.Traits {
			return estimators.Traits{Levels: estimators.Even, Learned: []string{"bound"}}
		},
		New: func(s estimators.Spec) (estimators.Estimator, error) {
			if s.Scales > 1 {
				return nil, errors.New("scales for channels; expected one")
			}
			decay, given := s.Options["strangers_decay"]
			if !given {
				decay = 0.5
			}
			return stranger{estimators.Range{Bits: s.Bits}, float32(decay), s.Options["strangers_lie"]}, nil // from 0, whatever the sign
		},
	})
}

func (q stranger) scale(p estimators.Params) float32 { return p[0][0] / float32(q.Qp()) }

func (stranger) Params() []estimators.Learned {
	return []estimators.Learned{{Name: "bound", Len: 1, Positive: true}}
}

func (stranger) Init(p estimators.Params, x []float32) error {
	p[0][0] = estimators.MinScale
	for _, v := range x {
		p[0][0] = max(p[0][0], v)
	}
	return nil
}

func (q stranger) CodeScale(scale, _ []float32, p estimators.Params) error {
	if q.lie != 2 {
		scale[0] = q.scale(p)
	}
	return nil
}

func (q stranger) Forward(y, x []float32, p estimators.Params) error { return q.Quantize(nil, y, x, p) }

func (q stranger) Quantize(codes []int32, y, x []float32, p estimators.Params) error {
	s := q.scale(p)
	for i, v := range x {
		code := math.RoundToEven(float64(min(max(v/s, 0), float32(q.Qp()))))
		if codes != nil {
			if codes[i] = int32(code); q.lie == 1 {
				codes[i] += 300
			}
		}
		if y != nil {
			y[i] = float32(code) * s
		}
	}
	return nil
}

func (q stranger) Backward(dx []float32, dp estimators.Params, x, dy []float32, p estimators.Params) error {
	sum := 0.0
	for i, g := range dy {
		switch v := x[i]; {
		case v > p[0][0]:
			sum += float64(g)
			dx[i] = g * q.decay
		case v < 0:
			dx[i] = 0
		default:
			dx[i] = g
		}
	}
	dp[0][0] = float32(sum)
	return nil
}

// A method of another package is named by configs, trains, and runs in integers if it declares that its levels are even:
// nothing else knows it. The tests over all methods try it, too.
func TestStrangersMethod(t *testing.T) {
	overrides := []string{"quant.activations={estimator: " + strangersName + ", options: {strangers_decay: 0.25}}"}
	net := calibrated(t, "resnet20_w4a4", overrides...)
	if err := net.IntegerForm(); err != nil {
		t.Fatal(err)
	}
	agree(t, net, 2, 2, overrides)
	var form *NotIntegerError
	if err := testNetwork(t, "resnet20_w4a4", "quant.activations={estimator: qil}").IntegerForm(); !errors.As(err, &form) {
		t.Errorf("%v; is every method said to be even?", err)
	}
}

// What a method does not do as it declares stops a run, and does not end up in bytes.
func TestStrangersLies(t *testing.T) {
	for lie, want := range map[string]string{"1": "the method gives codes from 0 to 3", "2": "a_strangers_method gives the scale 0 (0 of 1); wanted positive, finite ones"} {
		net := testNetwork(t, "resnet20_w4a4", "quant.activations={estimator: "+strangersName+", options: {strangers_lie: "+lie+"}}")
		pool := threads.New(1)
		defer pool.Close()
		x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 32, 32, 3))
		for i := range x.Float32s() {
			x.Float32s()[i] = float32(i%7) / 7
		}
		if err := net.Calibrate(pool, nil, x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("lie %s: %v; want %s", lie, err, want)
		}
	}
}
