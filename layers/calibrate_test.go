package layers

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// batches returns n different batches of random pictures.
func batches(n, size int) (x []*tensor.Dense) {
	for i := range n {
		b := random(uint64(100+i), size, 32, 32, 3)
		for j := range b.Float32s() {
			b.Float32s()[j] *= float32(1 + i)
		}
		x = append(x, b)
	}
	return x
}

// stateOf returns every parameter and buffer of a network.
func stateOf(n *Network) (all []float32) {
	for _, p := range n.Store.Of(Learned) {
		all = append(all, p.Data()...)
	}
	for _, b := range n.Store.Of(Updated) {
		all = append(all, b.Data()...)
	}
	return all
}

func calibrateOn(t testing.TB, n *Network, count int, x ...*tensor.Dense) {
	t.Helper()
	pool := kernels.NewPool(count)
	defer pool.Close()
	if err := n.Calibrate((*threads.Pool)(pool), nil, x...); err != nil {
		t.Fatal(err)
	}
}

// Each quantizer sees all batches, through quantizers that have their final levels: its range is the widest of those that
// it finds on the batches one by one.
func TestCalibrationOverBatchesIsInNetworkOrder(t *testing.T) {
	x := batches(3, 1)
	overrides := []string{"quant.activations.calibration=min_max", "quant.weights.calibration=mse"}
	net := testNetwork(t, "resnet20_w4a4", append(overrides, "quant.activations.calibration_batches=3")...)
	before := slices.Concat(net.layer("bn1").norm.Mean.Data(), net.layer("bn1").norm.Var.Data())
	calibrateOn(t, net, 2, x...)
	if after := slices.Concat(net.layer("bn1").norm.Mean.Data(), net.layer("bn1").norm.Var.Data()); !slices.Equal(before, after) {
		t.Error("calibration moves running statistics")
	}
	checked := 0
	for k, q := range net.Quantizers {
		if q.ZeroPoint == nil || q.fixed || k > 8 && k < len(net.Quantizers)-2 {
			continue
		}
		widest := float32(0)
		for _, b := range x {
			one := testNetwork(t, "resnet20_w4a4", overrides...)
			for i, done := range net.Quantizers[:k] {
				copy(one.Quantizers[i].Scale.Data(), done.Scale.Data())
			}
			calibrateOn(t, one, 2, b)
			widest = max(widest, one.Quantizers[k].Scale.Data()[0])
		}
		if got := q.Scale.Data()[0]; got != widest {
			t.Errorf("%s: scale %g over all batches, %g over one by one", q.Name, got, widest)
		}
		checked++
	}
	if checked < 6 {
		t.Errorf("%d quantizers checked", checked)
	}
}

// One batch several times over gives what one batch gives, and threads change nothing.
func TestCalibrationIsDeterministic(t *testing.T) {
	x := batches(2, 1)
	overrides := []string{"quant.activations.calibration=moving_average", "quant.weights.estimator=lq_nets"} // whose state follows the batches of training
	one := testNetwork(t, "resnet20_w4a4", overrides...)
	calibrateOn(t, one, 2, x[0])
	for name, c := range map[string]struct {
		x     []*tensor.Dense
		count int
	}{"twice": {[]*tensor.Dense{x[0], x[0]}, 1}, "two": {x, 1}, "two, more threads": {x, 5}} {
		net := testNetwork(t, "resnet20_w4a4", append(overrides, "quant.activations.calibration_batches=2")...)
		calibrateOn(t, net, c.count, c.x...)
		if same := slices.Equal(stateOf(net), stateOf(one)); same != (name == "twice") {
			t.Errorf("%s: the levels are those of one batch: %v", name, same)
		}
		if name != "twice" {
			again := testNetwork(t, "resnet20_w4a4", append(overrides, "quant.activations.calibration_batches=2")...)
			calibrateOn(t, again, 2, c.x...)
			if !slices.Equal(stateOf(net), stateOf(again)) {
				t.Errorf("%s: the levels depend on the number of threads", name)
			}
		}
	}
	short := testNetwork(t, "resnet20_w4a4", "quant.layers[linear].activations.calibration_batches=4")
	pool := kernels.NewPool(1)
	defer pool.Close()
	if err := short.Calibrate((*threads.Pool)(pool), nil, x...); err == nil || !strings.Contains(err.Error(), "expected 4") {
		t.Errorf("2 batches of 4: %v", err)
	}
}

// A state that starts from one batch is not moved by that batch again; one that starts from several is, by the first, as
// training will.
func TestStatesStartOnce(t *testing.T) {
	for count, want := range map[string]float32{"1": 1, "2": 2} {
		net := testNetwork(t, "resnet20_w4a4", "quant.activations.estimator=lq_nets", "quant.activations.calibration_batches="+count)
		calibrateOn(t, net, 2, batches(2, 1)...)
		checked := 0
		for _, q := range net.Quantizers {
			if q.ZeroPoint == nil || q.updates == nil {
				continue
			}
			if checked++; q.updates.Data()[0] != want {
				t.Errorf("%s on %s batches: %v updates, want %v", q.Name, count, q.updates.Data()[0], want)
			}
		}
		if checked < 18 {
			t.Errorf("%d states", checked)
		}
	}
}

// With batch norm frozen, calibration sees what evaluation will: 255 steps of the stem's output are its largest value.
func TestCalibrationWithRunningStatistics(t *testing.T) {
	x := batches(1, 4)
	scale := func(frozen bool) (float64, *Network) {
		net := testNetwork(t, "resnet20_w4a4", "quant.activations.calibration=min_max")
		stem := net.layer("bn1").norm
		for c := range stem.Mean.Data() {
			stem.Mean.Data()[c], stem.Var.Data()[c] = 0.3, 0.04
		}
		net.FreezeBatchNorm(frozen)
		calibrateOn(t, net, 2, x...)
		if stem.Mean.Data()[3] != 0.3 || stem.Var.Data()[3] != 0.04 {
			t.Error("calibration moves running statistics")
		}
		return 255 * float64(net.layer("relu").output.Scale.Data()[0]), net
	}
	got, net := scale(true)
	pool := kernels.NewPool(1)
	defer pool.Close()
	nodes, err := net.outputs(NewContext((*threads.Pool)(pool), false), x[0])
	if err != nil {
		t.Fatal(err)
	}
	err = runOn((*threads.Pool)(pool), x[0], x, nodes, []string{"conv1"}, func(_ string, y []float32) error {
		if want := float64(slices.Max(y)); math.Abs(got-want) > 1e-2*want {
			t.Errorf("the largest level after the stem is %g, the largest output in evaluation %g", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if batch, _ := scale(false); math.Abs(batch-got) < 0.1*got {
		t.Errorf("statistics of the batch give %g, running ones %g; the test cannot tell them apart", batch, got)
	}
}

// A step on a network without scales is an error that says so, and changes nothing.
func TestTrainingWantsCalibration(t *testing.T) {
	for _, config := range []string{"resnet20_w4a4", "resnet20_lq_nets_w2a2"} {
		n := testNetwork(t, config)
		before := stateOf(n)
		c, loss, grads := trainGraph(t, n, 1)
		m, err := machine.New(c.pool, machine.Options{}, append(grads, loss)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.RunAll(); err == nil || !strings.Contains(err.Error(), "the quantizer has no scale; train or calibrate the network first") {
			t.Errorf("%s: error %v", config, err)
		}
		if c.Commit(); !slices.Equal(stateOf(n), before) {
			t.Errorf("%s: the step has changed something", config)
		}
	}
}
