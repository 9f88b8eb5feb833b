package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
)

// staged are the arguments of a run of four epochs of three steps with a schedule.
func staged(schedule string, overrides ...string) []string {
	return append([]string{"train.epochs=4", "quant.first_last=same", "quant.schedule=[" + schedule + "]"}, overrides...)
}

// kindsOfStages are schedules that change each thing that a stage can change, in the middle of an epoch and at its end.
var kindsOfStages = map[string][]string{
	"bits":      staged("{for: 4it, weights: {bits: 8}, activations: {bits: 8}}, {for: 2it, weights: {bits: 4}, activations: {bits: 4}}, {weights: {bits: 2}, activations: {bits: 2}}"),
	"rescaled":  staged("{for: 3it, weights: {bits: 8}, activations: {bits: 6, estimator: pact}}, {weights: {bits: 3}, activations: {bits: 3, estimator: pact}, scales: rescale}", "train.optimizer.kind=adam"),
	"float":     staged("{for: 25%, only: none}, {for: 1ep, only: conv}, {}, {for: 2it, only: none}"),
	"methods":   staged("{for: 4it, weights: {estimator: dorefa}}, {for: 4it, weights: {bits: 2, estimator: lq_nets}, activations: {bits: 2, estimator: lq_nets}}, {weights: {estimator: affine}, activations: {estimator: affine}}"),
	"gradients": staged("{for: 4it, weights: {estimator: dorefa, ste: ewgs}}, {weights: {estimator: dorefa}}", "train.weight_ema=0.5"),
	"frozen":    staged("{for: 4it, freeze: [scales, first]}, {for: 3it, freeze: [batch_norm, weights]}, {}", "train.weight_ema=0.5", "quant.regularizers.dampening=0.01"),
	"restarted": staged("{for: 5it}, {for: 2it, lr: restart, scales: calibrate}, {lr: restart, batch_norm_reestimation: 2}", "train.schedule.warmup=1it", "train.weight_ema=0.9"),
	"options":   staged("{for: 4it, weights: {bits: 4}}, {weights: {bits: 3}}", "quant.weights={ste: ewgs, options: {delta: {kind: linear, from: 0, to: 0.2}}}"),
	"states":    staged("{for: 4it, weights: {bits: 4}}, {weights: {bits: 3}}", "quant.regularizers.freezing={threshold: 0.01}", "train.batch_norm_freeze=2ep"),
	"pieces":    staged("{for: 1it, weights: {bits: 8}}, {weights: {bits: 2}}", "train.batch=4", "train.accumulate=2", "quant.distillation.teacher=TEACHER"),
}

// A run goes on to the same bits from wherever it is interrupted: within a stage, before a switch, at it and after it.
func TestStagesGiveTheSameBits(t *testing.T) {
	teacher := filepath.Join(partOf(t, 0, "quant.weights.bits=fp", "quant.activations.bits=fp", "quant.first_last=fp", "quant.residual=fp"), CheckpointFile)
	for name, over := range kindsOfStages {
		t.Run(name, func(t *testing.T) {
			over := slices.Clone(over)
			for i := range over {
				over[i] = strings.ReplaceAll(over[i], "TEACHER", teacher)
			}
			whole := partOf(t, 0, over...)
			cfg := extendingConfig(t, over...)
			dir := t.TempDir()
			for i, at := range []int{3, 4, 5, 6, 8, 0} {
				p, err := goOn(t, dir, 1+i%3, at, over...)
				if at > 0 && !errors.Is(err, ErrInterrupted) || at == 0 && err != nil {
					t.Fatal(err)
				}
				if strings.Contains(strings.Join(p.lines, "\n"), "damaged") {
					t.Errorf("interrupted after step %d: %q", at, p.lines)
				}
			}
			if !bytes.Equal(tensors(t, dir), tensors(t, whole)) {
				t.Error("of a run that was interrupted, the checkpoint is another")
			}
			if got, want := losses(t, dir), losses(t, whole); got != want {
				t.Errorf("metrics:\n%s\nwant:\n%s", got, want)
			}
			best := func(dir string) []safetensors.Tensor {
				f, st, err := readCheckpoint(filepath.Join(dir, BestFile), Reading{})
				if err != nil || st.Stage != len(cfg.Quant.Schedule)-1 {
					t.Fatalf("best.qat is of stage %d, want the last one (%v)", st.Stage, err)
				}
				return f.Tensors
			}
			if a, b := best(dir), best(whole); fmt.Sprint(a) != fmt.Sprint(b) {
				t.Error("best.qat is another")
			}
		})
	}
}

// A stage goes on as a network that is built with its section from the start, given the arrays of layers, the momentum and the
// running statistics of the stage before.
func TestStageIsTheNetworkOfItsSection(t *testing.T) {
	const two = "quant.weights.bits=2"
	from := []string{"train.epochs=4", "train.schedule.kind=constant"}
	over := append(slices.Clone(from), "quant.schedule=[{for: 4it, weights: {bits: 8}}, {weights: {bits: 2}}]")
	whole := tensorsOf(t, partOf(t, 0, over...))
	before, st, err := readCheckpoint(filepath.Join(partOf(t, 4, over...), CheckpointFile), Reading{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg := extendingConfig(t, append(from, two)...)
	r := &run{opt: Options{Out: dir, Progress: &quiet{}}, dir: dir}
	if r.Model, err = Open(cfg, "", 1); err != nil {
		t.Fatal(err)
	}
	defer r.Model.Close()
	r.Data.Test = r.Data.Test.Head(20)
	if _, err := r.begin(); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Net.Store.Tensors(true) {
		if q := r.Net.Store.Array(strings.TrimPrefix(x.Name, layers.VelocityPrefix)); strings.Contains(x.Name, "conv.weight_quantizer") || q == nil {
			continue // it begins anew
		}
		v, err := shaped(before, x.Name, x.Array.FileShape())
		if err == nil {
			err = x.Array.FromFile(x.Data, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := r.calibrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	st.Stage = 0
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), cfg.YAML(), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := r.save(r.path(CheckpointFile), true, st, r.origin); err != nil {
		t.Fatal(err)
	}
	if _, err := goOn(t, dir, 1, 0, append(from, two)...); err != nil {
		t.Fatal(err)
	}
	got := tensorsOf(t, dir)
	if len(got) != len(whole) {
		t.Errorf("%d tensors, want %d", len(whole), len(got))
	}
	for name, v := range got {
		if whole[name] != v {
			t.Errorf("%s of the stage is not that of a network of its section", name)
		}
	}
}

// What a stage freezes stays; the rest moves.
func TestFrozenStagesStay(t *testing.T) {
	for freeze, stays := range map[string]func(name string) bool{
		"weights": func(name string) bool {
			return name == "first.weight" || name == "conv.weight" || name == "linear1.weight"
		},
		"bias":   func(name string) bool { return name == "linear1.bias" },
		"scales": ofQuantizer,
		"batch_norm": func(name string) bool {
			return strings.HasPrefix(name, "bn.") || strings.HasPrefix(name, "batch_norm1.")
		},
		"conv, bn, relu2": func(name string) bool { return strings.HasPrefix(name, "conv.") || strings.HasPrefix(name, "bn") },
		"weights, linear1": func(name string) bool {
			return strings.HasPrefix(name, "linear1.") || strings.HasSuffix(name, ".weight") && !strings.HasPrefix(name, "b")
		},
		"scales, fir*|batc*": nil,
	} {
		over := staged("{for: 3it}, {freeze: ["+strings.ReplaceAll(freeze, "fir*|batc*", "'fir*|batc*'")+"]}", "train.optimizer.weight_decay=0.01")
		if stays == nil {
			stays = func(name string) bool {
				return ofQuantizer(name) || strings.HasPrefix(name, "first.") || strings.HasPrefix(name, "batch_norm")
			}
		}
		before, after := tensorsOf(t, partOf(t, 3, over...)), tensorsOf(t, partOf(t, 8, over...))
		for name, v := range before {
			if layers.Prefix(name) != "" || strings.HasPrefix(name, "first.input_quantizer") || strings.Contains(name, "zero_point") {
				continue
			}
			if same := after[name] == v; same != stays(name) {
				t.Errorf("freeze %s: %s stays: %t", freeze, name, same)
			}
			if _, kept := after[layers.VelocityPrefix+name]; kept && stays(name) {
				t.Errorf("freeze %s: %s has a momentum", freeze, name)
			}
		}
	}
}

// Scales follow from those of other bits by the formula, bounds stay, and what is not rescaled is calibrated.
func TestStagesRescale(t *testing.T) {
	m, _ := smallModel(t, "quant.first_last=same", "quant.activations={bits: 6, estimator: pact}", "quant.weights={bits: 6}", "quant.residual=fp",
		"quant.schedule=[{for: 50%}, {activations: {bits: 3}, weights: {bits: 3}}]")
	if err := m.at(0); err != nil {
		t.Fatal(err)
	}
	if err := m.calibrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := m.Net
	array := func(n *layers.Network, name string) float64 { return float64(n.Store.Array(name).Data()[0]) }
	m.stage = 1
	net, err := m.over(before.Store, configs.ScalesRescale)
	if err != nil {
		t.Fatal(err)
	}
	if rescaled, err := net.Rescale(before); err != nil || rescaled != 5 || net.WantedBatches() > 0 {
		t.Errorf("%d are rescaled (%v), and calibration wants %d batches", rescaled, err, net.WantedBatches())
	}
	if got, want := array(net, "conv.weight_quantizer.scale"), array(before, "conv.weight_quantizer.scale")*math.Sqrt(31.0/3); math.Abs(got/want-1) > 1e-6 {
		t.Errorf("scale %g, want %g", got, want)
	}
	if got, want := array(net, "conv.input_quantizer.scale"), array(before, "conv.input_quantizer.scale")*63/7; math.Abs(got/want-1) > 1e-6 {
		t.Errorf("scale %g of what is clipped, want %g", got, want)
	}
}

// Each stage is told, and a line of metrics.jsonl and of the manifest has what changed.
func TestStagesAreTold(t *testing.T) {
	dir := t.TempDir()
	p, err := goOn(t, dir, 1, 0, kindsOfStages["bits"]...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"stage 2 of 3 after step 4: quant.weights.bits 4, before 8; quant.activations.bits 4, before 8; quantizers: 2 kept, 0 rescaled, 5 calibrated",
		"stage 3 of 3 after step 6: quant.weights.bits 2, before 4; quant.activations.bits 2, before 4; quantizers: 2 kept, 0 rescaled, 5 calibrated",
	} {
		if !slices.Contains(p.lines, want) {
			t.Errorf("messages\n%s\nlack\n%s", strings.Join(p.lines, "\n"), want)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	if want := `{"kind":"stage","stage":2,"step":4,"changed":[{"key":"quant.weights.bits","then":"8","now":"4"},{"key":"quant.activations.bits","then":"8","now":"4"}]}`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("metrics.jsonl:\n%s\nwant a line\n%s (%v)", text, want, err)
	}
}

// An extension that would move the stages is refused; others go on.
func TestExtensionsKeepStages(t *testing.T) {
	base := partOf(t, 5, kindsOfStages["bits"]...)
	for _, over := range []string{"train.epochs=6", "train.lr=0.2", "train.schedule.kind=constant"} {
		dir := copyRun(t, base)
		if _, err := goOn(t, dir, 1, 0, append(slices.Clone(kindsOfStages["bits"]), over)...); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "stages of quant.schedule") {
			t.Errorf("%s: %v", over, err)
		}
	}
	dir := copyRun(t, base)
	if _, err := goOn(t, dir, 1, 0, append(slices.Clone(kindsOfStages["bits"]), "train.log_every=2", "train.max_steps=8")...); err != nil {
		t.Error(err)
	}
	if _, err := goOn(t, copyRun(t, base), 1, 0, staged("{weights: {bits: 2}}")...); !errors.Is(err, ErrExists) {
		t.Errorf("another schedule: %v", err)
	}
}

// Where a stage restarts the learning rate it begins anew, with its warm-up, and ends where the next one restarts it; else it goes
// on. The printed curve is that of the steps.
func TestStagesRestartTheLearningRate(t *testing.T) {
	over := staged("{for: 2it}, {for: 3it, lr: restart}, {for: 3it}, {lr: restart}", "train.schedule.warmup=1it")
	p, err := goOn(t, t.TempDir(), 1, 0, over...)
	if err != nil {
		t.Fatal(err)
	}
	train := extendingConfig(t, over...).Train
	var want, got []string
	for _, part := range []int{2, 6, 4} {
		train.Epochs, train.Steps = 0, part
		for step := range part {
			want = append(want, fmt.Sprintf("%g", LearningRate(&train, step, 3)))
		}
	}
	for _, s := range p.steps {
		got = append(got, fmt.Sprintf("%g", s.LR))
	}
	if !slices.Equal(got, want) {
		t.Errorf("learning rates\n%v\nwant\n%v", got, want)
	}
	curve, err := LearningRates(extendingConfig(t, over...), "")
	if err != nil {
		t.Fatal(err)
	}
	restarts := 0
	for _, r := range curve.Points {
		if fmt.Sprintf("%g", r.LR) != want[r.Step-1] {
			t.Errorf("step %d is printed with %g, and has %s", r.Step, r.LR, want[r.Step-1])
		}
		if r.Step == 1 || r.Step == 3 || r.Step == 9 {
			restarts++
		}
	}
	if restarts != 3 {
		t.Errorf("the curve is %v; want its restarts in it", curve)
	}
	if found := checkLength(extendingConfig(t, staged("{for: 2it}, {lr: restart}", "train.schedule.warmup=3it")...), 24); len(found) != 1 || !strings.Contains(found[0].Message, "lies beyond the learning rate's part of 2 steps") {
		t.Errorf("a warm-up of 3 of 2 steps: %v", found)
	}
}

// Frozen ranges of weights stay though the weights move; batch norm's statistics are taken anew where they are frozen, too.
func TestFrozenRangesAndStatistics(t *testing.T) {
	const ranges = "conv.weight_quantizer.scale"
	for freeze, stays := range map[string]bool{"scales": true, "bias": false} {
		over := staged("{for: 3it}, {freeze: ["+freeze+"]}", "quant.weights={estimator: affine}")
		before, after := tensorsOf(t, partOf(t, 3, over...)), tensorsOf(t, partOf(t, 8, over...))
		if before["conv.weight"] == after["conv.weight"] || (before[ranges] == after[ranges]) != stays {
			t.Errorf("freeze %s: the range of weights stays: %t", freeze, !stays)
		}
	}
	over := staged("{for: 3it}, {freeze: [batch_norm]}")
	frozen, anew := tensorsOf(t, partOf(t, 0, over...)), tensorsOf(t, partOf(t, 0, append(over, "quant.batch_norm_reestimation=2")...))
	for _, name := range []string{"bn.running_mean", "bn.running_var"} {
		if frozen[name] == anew[name] || anew[name] == string(make([]byte, len(anew[name]))) {
			t.Errorf("%s is not taken anew where it was frozen", name)
		}
	}
}

// A stage that cannot be trained, and one that trains nothing, are found before the first step.
func TestCheckStages(t *testing.T) {
	cfg := extendingConfig(t, staged("{for: 3it}, {freeze: [weights, bias, batch_norm, scales]}")...)
	if err := Check(cfg, ""); err == nil || !strings.Contains(err.Error(), "stage 2: freeze leaves nothing to train") {
		t.Errorf("all frozen: %v", err)
	}
	if err := Check(extendingConfig(t, kindsOfStages["bits"]...), ""); err != nil {
		t.Error(err)
	}
}

// The memory that is foreseen is that of the largest stage.
func TestMemoryOfStages(t *testing.T) {
	needed := func(bench bool, over ...string) int64 {
		need, err := Memory(extendingConfig(t, append(over, "model={network: none, arch: resnet20}", "data.random={height: 32, width: 32, classes: 10}", "train.batch=128")...), 1024, 1, bench)
		if err != nil {
			t.Fatal(err)
		}
		return need >> 20
	}
	memory := func(over ...string) int64 { return needed(false, over...) }
	plain, float := memory(), memory("quant.weights.bits=fp", "quant.activations.bits=fp", "quant.first_last=fp", "quant.residual=fp")
	if plain-float > -8 && plain-float < 8 {
		t.Fatalf("%d MiB with quantizers and %d without; want some difference", plain, float)
	}
	for _, schedule := range []string{"[{for: 1ep, only: none}, {}]", "[{for: 1ep}, {only: none}]"} {
		if need := memory("quant.schedule=" + schedule); need < max(plain, float)-4 || need > max(plain, float)+4 {
			t.Errorf("%s: %d MiB, want the larger of %d and %d", schedule, need, plain, float)
		}
	}
	const last = "quant.schedule=[{for: 1ep, only: none}, {}]" // which is what a benchmark is of
	if first, need, want := needed(true, "quant.schedule=[{for: 1ep}, {only: none}]"), needed(true, last), needed(true); need-want < -4 || need-want > 4 || first-want > -8 && first-want < 8 {
		t.Errorf("a benchmark of %s takes %d MiB, want %d, not %d", last, need, want, first)
	}
}

// What a regularizer keeps of codes begins anew with the codes of other bits, and goes on with those that stay.
func TestRegularizersBeginAnewWithTheirCodes(t *testing.T) {
	end := tensorsOf(t, partOf(t, 0, staged("{for: 4it, weights: {bits: 4}}, {weights: {bits: 3}, layers: {first: {weights: {bits: 4}}}}", "quant.regularizers.freezing={threshold: 0.01}")...))
	for name, want := range map[string]float32{"conv": 8, "first": 12} {
		got := end[name+".weight_quantizer.freezing.updates"]
		if len(got) != 4 || math.Float32frombits(binary.LittleEndian.Uint32([]byte(got))) != want {
			t.Errorf("the weights of %s were looked at %x times, want %g", name, got, want)
		}
	}
}

// The average of what begins anew begins at what that is.
func TestAveragesOfNewQuantizers(t *testing.T) {
	after := tensorsOf(t, partOf(t, 5, staged("{for: 4it, weights: {bits: 8}}, {weights: {bits: 2}}", "train.weight_ema=0.9")...))
	value := func(name string) float64 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32([]byte(after[name])[:4])))
	}
	const scale = "conv.weight_quantizer.scale"
	if v, average := value(scale), value(layers.AveragePrefix+scale); math.Abs(average/v-1) > 0.2 {
		t.Errorf("a step after the switch the average is %g, of a scale of %g", average, v)
	}
}

// A run that is killed behind a switch, before its next checkpoint, says it once in metrics.jsonl.
func TestKilledBehindASwitch(t *testing.T) {
	over := kindsOfStages["bits"]
	whole, dir := partOf(t, 0, over...), partOf(t, 4, over...)
	text, err := os.ReadFile(filepath.Join(whole, MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(text, []byte(`{"kind":"stage"`))
	if err := os.WriteFile(filepath.Join(dir, MetricsFile), text[:at+bytes.IndexByte(text[at:], '\n')+1], 0o666); err != nil {
		t.Fatal(err)
	}
	p, err := goOn(t, dir, 1, 0, over...)
	if err != nil || strings.Contains(strings.Join(p.lines, "\n"), "damaged") {
		t.Errorf("%q (%v)", p.lines, err)
	}
	if got, want := losses(t, dir), losses(t, whole); got != want {
		t.Errorf("metrics:\n%s\nwant:\n%s", got, want)
	}
}

// What a method keeps beside what it learns is frozen with the scales.
func TestFrozenStates(t *testing.T) {
	for freeze, stays := range map[string]bool{"scales": true, "bias": false} {
		over := staged("{for: 3it}, {freeze: ["+freeze+"]}", "quant.weights={bits: 2, estimator: lq_nets}")
		before, after := tensorsOf(t, partOf(t, 3, over...)), tensorsOf(t, partOf(t, 8, over...))
		if basis := "conv.weight_quantizer.basis"; before[basis] == "" || (before[basis] == after[basis]) != stays {
			t.Errorf("freeze %s: the basis stays: %t", freeze, !stays)
		}
	}
}

// What a switch is told to do it does: it rescales, and takes batch norm's statistics anew. The checkpoint is one of the stage before.
func TestSwitchesDoWhatTheySay(t *testing.T) {
	p, err := goOn(t, t.TempDir(), 1, 4, kindsOfStages["rescaled"]...)
	if !errors.Is(err, ErrInterrupted) || !strings.Contains(strings.Join(p.lines, "\n"), " 5 rescaled, ") {
		t.Errorf("%q (%v); want 5 rescaled quantizers", p.lines, err)
	}
	mean := func(stage string) string {
		return tensorsOf(t, partOf(t, 4, staged("{for: 3it}, {"+stage+"}")...))["bn.running_mean"]
	}
	if mean("") == mean("batch_norm_reestimation: 2") {
		t.Error("batch norm's statistics are not taken anew")
	}
	dir, at := t.TempDir(), -1
	p = &quiet{after: func(step int) {
		if step == 5 { // of an epoch of 3, a step after the switch
			if _, st, err := readCheckpoint(filepath.Join(dir, CheckpointFile), Reading{}); err == nil && st.Stage == 0 {
				at = st.Step
			}
		}
	}}
	if err := trainOnly(context.Background(), extendingConfig(t, append(slices.Clone(kindsOfStages["bits"]), "train.checkpoint_every=10it")...), Options{Out: dir, Threads: 1, Progress: p}); err != nil || at != 4 {
		t.Errorf("a step after the switch the checkpoint is that of step %d, want 4 (%v)", at, err)
	}
}
