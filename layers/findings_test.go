package layers

import (
	"reflect"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/threads"
)

func TestFindings(t *testing.T) {
	n := calibrated(t, "resnet20_w4a4")
	param := func(name string) []float32 {
		t.Helper()
		for _, p := range n.Store.Of(Learned) {
			if p.Name == name {
				return p.Data()
			}
		}
		t.Fatalf("no parameter %s", name)
		return nil
	}
	pool := kernels.NewPool(2)
	defer pool.Close()
	x, _ := batch(4)
	find := func() (f Findings) {
		t.Helper()
		n.FloorFindings(&f, map[string]int{"layer1.0.conv1.weight_quantizer.scale": 49, "layer1.0.conv2.weight_quantizer.scale": 50}, 100)
		if err := n.WeightFindings(&f); err != nil {
			t.Fatal(err)
		}
		if err := n.ActivationFindings(&f, (*threads.Pool)(pool), slices.Values([]*tensor.Dense{x})); err != nil {
			t.Fatal(err)
		}
		return f
	}
	floor := []Finding{{"layer1.0.conv2.weight", 0.5}}
	if got, want := find(), (Findings{OnFloor: floor}); !reflect.DeepEqual(got, want) {
		t.Errorf("a healthy network has %+v, want %+v", got, want)
	}
	clear(param("layer2.0.conv1.weight"))
	param("layer2.0.conv2.weight_quantizer.scale")[0] = 1e-20
	param("layer3.0.conv2.input_quantizer.scale")[0] = 1e-20
	for i := range param("layer3.0.bn1.bias") {
		param("layer3.0.bn1.bias")[i] = 100
	}
	clear(param("layer1.0.bn1.weight"))
	for i := range param("layer1.0.bn1.bias") {
		param("layer1.0.bn1.bias")[i] = -1 - float32(i) // below ReLU
	}
	got := find()
	if want := []string{"layer2.0.conv1.weight", "layer1.0.conv2.input", "layer1.0.branch", "layer2.0.conv2.input", "layer2.0.branch",
		"layer3.0.conv2.input", "layer3.0.branch"}; !reflect.DeepEqual(got.Dead, want) {
		t.Errorf("dead: %v, want %v", got.Dead, want)
	}
	if len(got.Clipped) != 1 || got.Clipped[0].Name != "layer2.0.conv2.weight" || got.Clipped[0].Share < 0.99 {
		t.Errorf("clipped: %v, want the weights of layer2.0.conv2", got.Clipped)
	}
	param("layer3.0.bn1.bias")[0] = -100 // of 64 channels: they are not all equal now
	if got := find(); len(got.Clipped) != 2 || got.Clipped[1] != (Finding{"layer3.0.conv2.input", 63.0 / 64}) {
		t.Errorf("clipped: %v, want the input of layer3.0.conv2 in 63 of 64 channels, too", got.Clipped)
	}
}

// Of a scale per channel each channel has an update a step.
func TestFloorsOfChannels(t *testing.T) {
	n := testNetwork(t, "resnet20_w4a4", "quant.weights.granularity=per_channel")
	for hits, want := range map[int][]Finding{16 * 50: {{"layer1.0.conv2.weight", 0.5}}, 16*50 - 1: nil} {
		var f Findings
		n.FloorFindings(&f, map[string]int{"layer1.0.conv2.weight_quantizer.scale": hits}, 100)
		if !reflect.DeepEqual(f.OnFloor, want) {
			t.Errorf("%d hits of 16 channels in 100 steps: %v, want %v", hits, f.OnFloor, want)
		}
	}
}

// One tensor of ten codes at a time, from 0 to 3 or -2 to 1.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		what    string
		bits    int
		signed  bool
		codes   []int8
		clipped float64
		dead    bool
	}{
		{"nine of ten at the top", 2, false, []int8{3, 3, 3, 3, 3, 3, 3, 3, 3, 1}, 0.9, false},
		{"eight of ten", 2, false, []int8{3, 3, 3, 3, 3, 3, 3, 3, 2, 1}, 0, false},
		{"zeros are no clip", 2, false, []int8{0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 0, false},
		{"both ends", 2, true, []int8{-2, 1, -2, 1, -2, 1, -2, 1, -2, 0}, 0.9, false},
		{"a bit has nothing but ends", 1, true, []int8{-1, 1, -1, 1, -1, 1, -1, 1, -1, 1}, 0, false},
		{"one value", 2, false, []int8{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, true},
	} {
		q := &Quantizer{Name: "x", spec: configs.TensorSpec{Bits: configs.Bits(tt.bits)}, place: configs.Place{Signed: tt.signed}, is: estimators.Traits{Form: estimators.Plain}}
		lo, hi := int8(0), int8(3)
		if tt.signed {
			lo, hi = -2, 1
		}
		if tt.bits == 1 {
			lo = -1
		}
		var got, want Findings
		judge(&got, q, tt.codes, lo, hi)
		if tt.clipped > 0 {
			want.Clipped = []Finding{{"x", tt.clipped}}
		}
		if tt.dead {
			want.Dead = []string{"x"}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", tt.what, got, want)
		}
	}
	// The levels of methods need not be even, so that their ends say nothing.
	var got Findings
	judge(&got, &Quantizer{Name: "x", spec: configs.TensorSpec{Bits: 2}}, []int8{3, 3, 3, 3, 3, 3, 3, 3, 3, 1}, 0, 3)
	if !reflect.DeepEqual(got, Findings{}) {
		t.Errorf("of a method: %+v", got)
	}
}

// judge counts and judges codes in two parts: images come in parts, too.
func judge[T uint8 | int8 | float32](f *Findings, q *Quantizer, v []T, lo, hi T) {
	var c tally
	count(&c, q, v[:len(v)/2], lo, hi)
	count(&c, q, v[len(v)/2:], lo, hi)
	c.judge(f, q)
}

// What is found in parts of a batch is what is found in all of it.
func TestFindingsInParts(t *testing.T) {
	if a, b, c := watchedImages(100), watchedImages(7), watchedImages(23); a != 20 || b != 7 || c != 20 {
		t.Errorf("100, 7 and 23 images in parts of %d, %d and %d; want 20, 7 and 20", a, b, c)
	}
	n := calibrated(t, "resnet20_w4a4")
	pool := kernels.NewPool(2)
	defer pool.Close()
	x, _ := batch(40)
	clear(x.Float32s()[:20*32*32*3]) // the first part has one value everywhere, the second has not
	var f Findings
	if err := n.ActivationFindings(&f, (*threads.Pool)(pool), slices.Values([]*tensor.Dense{x})); err != nil || len(f.Dead) > 0 {
		t.Errorf("%+v, error %v; want nothing dead", f, err)
	}
}

// However images come in batches, the findings are the same: also if the last batch is a part.
func TestFindingsOfBatches(t *testing.T) {
	n := calibrated(t, "resnet20_w4a4")
	images, _ := batch(30)
	x := images.Float32s()
	pool := kernels.NewPool(1)
	defer pool.Close()
	tallies := func(sizes ...int) []tally {
		var w *watcher
		at, each := 0, len(x)/30
		for _, images := range sizes {
			if w == nil {
				var err error
				if w, err = n.newWatcher((*threads.Pool)(pool), tensor.Shape{images, 32, 32, 3}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.run(x[at : at+images*each]); err != nil {
				t.Fatal(err)
			}
			at += images * each
		}
		return w.tallies
	}
	whole := tallies(30)
	for _, sizes := range [][]int{{10, 10, 10}, {8, 8, 8, 6}, {1, 1, 28}} {
		if got := tallies(sizes...); !slices.Equal(got, whole) {
			t.Errorf("batches of %v: %v, want %v", sizes, got, whole)
		}
	}
}
