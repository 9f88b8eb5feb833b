package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
)

// still are arguments of a run whose weights stay as they are, so that what a switch calibrates shows what it calibrated on.
func still(schedule string, overrides ...string) []string {
	return staged(schedule, append([]string{"train.lr=1e-30"}, overrides...)...)
}

// A switch calibrates at the step at which it is: with what schedules of options have reached by then.
func TestSwitchesCalibrateWhereTrainingStands(t *testing.T) {
	const scale = "conv.input_quantizer.scale"
	scales := func(emin, emax string) string {
		over := still("{for: 3it, activations: {bits: 8}}, {activations: {bits: 4}}", "quant.weights={estimator: pot, bits: 4, options: {fixed: 1, emin: "+emin+", emax: "+emax+"}}")
		return tensorsOf(t, partOf(t, 4, over...))[scale]
	}
	small, large := scales("-12", "-6"), scales("-8", "-2")
	if got := scales("{kind: steps, from: -12, steps: {25%: -8}}", "{kind: steps, from: -6, steps: {25%: -2}}"); got == "" || got != large || got == small {
		t.Errorf("%s behind a switch after 25 %% is %x, want %x of what the options are from there on, before %x", scale, got, large, small)
	}
}

// A switch calibrates with the statistics that batch norm takes in the step after it.
func TestSwitchesCalibrateAsBatchNormIs(t *testing.T) {
	const scale = "conv.input_quantizer.scale"
	scales := func(stage string, overrides ...string) string {
		over := still("{for: 3it, activations: {bits: 8}}, {activations: {bits: 4"+stage+"}", overrides...)
		return tensorsOf(t, partOf(t, 4, over...))[scale]
	}
	batch, running := scales("}"), scales("}, freeze: [batch_norm]")
	if batch == "" || batch == running {
		t.Fatalf("%s is %x by statistics of batches, and %x by running ones", scale, batch, running)
	}
	if several, want := scales(", calibration_batches: 2}"), scales("}", "quant.activations.calibration_batches=2"); several != want || several == batch {
		t.Errorf("%s of two batches is %x, want %x", scale, several, want)
	}
	for freeze, want := range map[string]string{"3it": running, "4it": batch} {
		if got := scales("}", "train.batch_norm_freeze="+freeze); got != want {
			t.Errorf("with batch norm frozen after %s, behind a switch after 3 steps, %s is %x, want %x", freeze, scale, got, want)
		}
	}
}

// begun is a run that has begun and is calibrated.
func begun(t *testing.T, cfg *configs.Config) *run {
	t.Helper()
	r, err := &run{opt: Options{Progress: &quiet{}}, dir: t.TempDir()}, error(nil)
	if r.Model, err = Open(cfg, "", 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Model.Close)
	if _, err := r.begin(); err != nil {
		t.Fatal(err)
	}
	if err := r.calibrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.st.Total = r.total()
	return r
}

// What stays goes on behind a switch with its momentum and its average, and with how often its floor stopped it; what is new has no
// momentum, and is its own average.
func TestSwitchesKeepWhatGoesWithArrays(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg *configs.Config
		to  func(*run) error
	}{
		"a stage": {extendingConfig(t, staged("{for: 3it, weights: {bits: 8}}, {weights: {bits: 4}, layers: {linear1: {weights: {bits: 8}}}}", "train.weight_ema=0.5")...), func(r *run) error {
			_, err := r.switchStage(context.Background())
			return err
		}},
		"learned bits": {learning(t, "quant.layers={linear*: {weights: {estimator: lsq, bits: 8}}}"), (*run).freezeBits},
	} {
		r := begun(t, tt.cfg)
		for _, a := range r.Net.Store.Learnable() {
			a.Kept[0].Data[0] = 7
		}
		for _, a := range r.average.Net.Store.All() {
			a.Data()[0] = 5
		}
		r.st.Step, r.optimizer.Updates, r.optimizer.FloorHits = 3, 3, map[string]int{"conv.weight_quantizer.scale": 2}
		before := r.Net
		if err := tt.to(r); err != nil {
			t.Fatal(err)
		}
		stay := map[bool]int{}
		for _, a := range r.Net.Store.Learnable() {
			old := before.Store.Array(a.Name)
			stays, momentum, average := old != nil && old.Value == a.Value, float32(0), a.Data()[0]
			if stays {
				momentum, average = 7, 5
			}
			stay[stays]++
			if got := a.Kept[0].Data[0]; got != momentum {
				t.Errorf("%s: %s has a momentum of %v, want %v", name, a.Name, got, momentum)
			}
			if got := r.average.Net.Store.Array(a.Name).Data()[0]; got != average || r.Net.Store.Average != r.average.Net.Store {
				t.Errorf("%s: %s has an average of %v, want %v", name, a.Name, got, average)
			}
		}
		if stay[true] == 0 || stay[false] == 0 || r.Net.Store.Array("linear1.weight_quantizer.scale").Value != before.Store.Array("linear1.weight_quantizer.scale").Value {
			t.Errorf("%s: %v arrays stay", name, stay)
		}
		if r.optimizer.Updates != 3 || r.optimizer.FloorHits["conv.weight_quantizer.scale"] != 2 {
			t.Errorf("%s: %d updates, floors %v", name, r.optimizer.Updates, r.optimizer.FloorHits)
		}
	}
}

// Each way of a stage to its scales is the one that it says.
func TestStagesSayWhatBecomesOfScales(t *testing.T) {
	for scales, want := range map[string]string{"": "4 kept, 0 rescaled, 3 calibrated", ", scales: rescale": "4 kept, 3 rescaled, 0 calibrated", ", scales: calibrate": "1 kept, 0 rescaled, 6 calibrated"} {
		r := begun(t, extendingConfig(t, staged("{for: 3it, weights: {bits: 8}}, {weights: {bits: 4}"+scales+"}")...))
		r.st.Step = 3
		if said, err := r.switchStage(context.Background()); err != nil || said != "quantizers: "+want {
			t.Errorf("%q: %q (%v), want %s", scales, said, err, want)
		}
	}
}

// Bit widths stay when the config says, with a step left to train; at once where that is over, as in a run that was made shorter.
func TestWhenBitsStay(t *testing.T) {
	r := begun(t, learning(t))
	for _, tt := range []struct {
		freeze            configs.Duration
		step, total, want int
	}{
		{configs.Duration{Value: 50, Unit: configs.Percent}, 0, 10, 5},
		{configs.Duration{Value: 50, Unit: configs.Percent}, 7, 10, 7},
		{configs.Duration{Value: 100, Unit: configs.Percent}, 0, 10, 9},
		{configs.Duration{Value: 12, Unit: configs.Iterations}, 3, 10, 9},
		{configs.Duration{Value: 50, Unit: configs.Percent}, 0, 1, 0},
	} {
		r.Config.Quant.Target.Freeze, r.st.Step, r.st.Total = tt.freeze, tt.step, tt.total
		if got := r.bitsFreeze(); got != tt.want {
			t.Errorf("%v, after step %d of %d: they stay after step %d, want %d", tt.freeze, tt.step, tt.total, got, tt.want)
		}
	}
}

// A run that began with quantizers of model.init goes on in a later stage; those of a run that is within a stage are that stage's.
func TestInitAndStages(t *testing.T) {
	over := staged("{for: 4it}, {weights: {bits: 2}}", "model.init="+partOf(t, 3, "quant.first_last=same"))
	if _, err := goOn(t, partOf(t, 5, over...), 1, 0, over...); err != nil {
		t.Error(err)
	}
	base := partOf(t, 3, kindsOfStages["bits"]...)
	p, err := goOn(t, t.TempDir(), 1, 1, "model.init="+base, "quant.first_last=same", "quant.weights.bits=8", "quant.activations.bits=8")
	if text := strings.Join(p.lines, "\n"); !errors.Is(err, ErrInterrupted) || !strings.Contains(text, "; quantizers: 6 taken") || strings.Contains(text, "anew") {
		t.Errorf("%q (%v)", p.lines, err)
	}
}

// A line of a stage that is lost is missed.
func TestLostLineOfAStage(t *testing.T) {
	dir := partOf(t, 5, kindsOfStages["bits"]...)
	path := filepath.Join(dir, MetricsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(l string) bool { return strings.HasPrefix(l, `{"kind":"stage"`) })
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o666); err != nil {
		t.Fatal(err)
	}
	if p, err := goOn(t, dir, 1, 0, kindsOfStages["bits"]...); err != nil || !strings.Contains(strings.Join(p.lines, "\n"), "1 of its lines up to step 5 are missing (stage 4 to stage 4)") {
		t.Errorf("%q (%v)", p.lines, err)
	}
}
