package configs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// stagedYAML is a config of 10 epochs with a schedule.
func stagedYAML(schedule string) []byte {
	return []byte("model: {arch: resnet20}\ntrain: {epochs: 10}\nquant:\n  weights: {bits: 4}\n  activations: {bits: 4}\n  schedule: " + schedule + "\n")
}

// A stage is the config with what it changes: what it does not give is the config's, whatever stages before it give; first_last
// and residual follow floats.
func TestStages(t *testing.T) {
	c, err := Parse("x.yaml", stagedYAML(`[{for: 1ep, weights: {bits: 8, estimator: dorefa}, layers: {linear: {weights: {bits: 2}}}}, {for: 10%, activations: {bits: fp}}, {for: 1ep, weights: {bits: fp}, activations: {bits: fp}},
    {for: 1ep, only: none}, {for: 1ep, only: "layer3.*"}, {first_last: same}]`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"8 dorefa 4 lsq, 8 8, linear 2 8", "4 lsq fp lsq, 8 fp, linear 8 fp", "fp lsq fp lsq, fp fp, linear fp fp", "fp lsq fp lsq, fp fp, linear fp fp", "4 lsq 4 lsq, 8 8, linear fp fp", "4 lsq 4 lsq, same 8, linear 4 4",
	} {
		in := c.InStage(i)
		q := in.Quant
		w, a := q.Resolve("linear", false, true)
		if got := fmt.Sprintf("%v %v %v %v, %v %v, linear %v %v", q.Weights.Bits, q.Weights.Estimator, q.Activations.Bits, q.Activations.Estimator, q.FirstLast, q.Residual, w.Bits, a.Bits); got != want {
			t.Errorf("stage %d is %s, want %s", i+1, got, want)
		}
		if len(in.Quant.Schedule) > 0 {
			t.Errorf("stage %d has a schedule", i+1)
		}
	}
	if c.Final().Quant.FirstLast != Same || c.InStage(6) != c || c.InStage(-1) != c {
		t.Error("the last stage is another")
	}
	if plain := mustLoad(t, "quickstart"); plain.Final() != plain || strings.Contains(string(plain.YAML()), "    - {") {
		t.Error("a config without a schedule has stages")
	}
}

// What the config gives says nothing of floats that a stage has in its place. A key is told where the stage has it from.
func TestStagesOfFloats(t *testing.T) {
	base := strings.Replace(string(stagedYAML(`[{for: 1ep, activations: {bits: fp}}, {for: 1ep, weights: {bits: fp}}, {for: 1ep, weights: {bits: fp}, activations: {bits: fp}}, {for: 1ep, only: none}, {}]`)), "  schedule", "  first_last: 5\n  residual: 6\n  regularizers: {dampening: 0.01}\n  schedule", 1)
	c, err := Parse("x.yaml", []byte(base))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"5 fp penalized", "5 6", "fp fp", "fp fp", "5 6 penalized"} {
		q := c.InStage(i).Quant
		got := fmt.Sprintf("%v %v", q.FirstLast, q.Residual)
		if slices.ContainsFunc(q.Regularizers, func(r Regularizer) bool { return r.On() }) {
			got += " penalized"
		}
		if got != want {
			t.Errorf("stage %d has %s, want %s", i+1, got, want)
		}
	}
	for i, want := range []string{"x.yaml:4:19", "x.yaml:9:78"} {
		if got := c.InStage(i).Origin("quant.weights.bits"); got != want {
			t.Errorf("stage %d has its bits from %s, want %s", i+1, got, want)
		}
	}
}

// Stages end where their lengths add up to, rounded once each; what does not add up is told.
func TestStageEnds(t *testing.T) {
	for schedule, want := range map[string]string{
		"[{for: 1ep}, {for: 50%}, {}]":                                    "[7 42 70]",
		"[{for: 33.3%}, {for: 33.3%}, {for: 33.4%}]":                      "[23 47 70]",
		"[{for: 0.5ep}, {for: 0.5ep}, {for: 9ep}]":                        "[4 7 70]",
		"[{}, {for: 3it}]":                                                "[67 70]",
		"[{for: 5it}, {}, {for: 5it}]":                                    "[5 65 70]",
		"[{for: 0.4ep}, {}, {for: 0.5ep}]":                                "[3 66 70]",
		"[{for: 70it}]":                                                   "[70]",
		"[{for: 71it}]":                                                   "the stages are longer than the run; shorten one of them (71 of 70 steps)",
		"[{for: 60it}, {for: 1ep}]":                                       "the stages are shorter than the run; leave out the for of one of them, which then takes the rest (67 of 70 steps)",
		"[{for: 63it}, {for: 1ep}, {}]":                                   "the stages leave nothing to the one without for; shorten one of them (70 of 70 steps)",
		"[{for: 0.2%}, {for: 0.2%}, {}]":                                  "stage 1 has no step: it ends after step 0, as the one before it; lengthen it",
		"[{for: 1000000000it}, {for: 1000000000it}, {for: 1000000000it}]": "the stages are longer than the run; shorten one of them (2147483647 of 70 steps)",
		"[]": "[]",
	} {
		c, err := Parse("x.yaml", stagedYAML(schedule))
		if err != nil {
			t.Fatal(schedule, err)
		}
		ends, err := c.Quant.Ends(7, 70)
		got := fmt.Sprint(ends)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", schedule, got, want)
		}
	}
}

// What is wrong with stages as such is known before the number of steps is.
func TestStageMistakes(t *testing.T) {
	for schedule, want := range map[string]string{
		"[{for: 33.3%}, {for: 33.3%}, {for: 33.3%}]":                                    "stage 3: the stages are shorter than the run; leave out the for of one of them, which then takes the rest (99.9% of 10ep)",
		"[{for: 5ep}, {for: 50.1%}, {}]":                                                "stage 3: the stages are longer than the run; shorten one of them (100.1% of 10ep)",
		"[{for: 5ep}, {for: 50%}, {}]":                                                  "stage 3: the stages leave nothing to the one without for; shorten one of them (100% of 10ep)",
		"[{}, {for: 1ep}, {}]":                                                          "stage 3: it has no for, and neither has stage 1; one stage can take what the others leave",
		"[{for: 1ep, batch_norm_reestimation: 5}, {}]":                                  "stage 1: scales, lr and batch_norm_reestimation say what changes as a stage begins",
		"[{for: 1ep, weights: {bits: fp}, activations: {bits: fp}, first_last: 7}, {}]": "stage 1: quant.first_last is 7 in a network whose weights and activations are fp",
		"[{for: 1ep, scales: calibrate}, {}]":                                           "stage 1: scales, lr and batch_norm_reestimation say what changes as a stage begins",
		"[{for: 1ep, only: none, layers: {linear: {weights: {bits: 2}}}}, {}]":          "stage 1: only: none leaves the whole network in floating point; remove what the stage says of bits and methods",
		"[{for: 1ep, only: none, weights: {bits: 2}}, {}]":                              "stage 1: only: none leaves the whole network in floating point",
		"[{for: 1ep}, {scales: calibrate, batch_norm_reestimation: 5}]":                 "",
	} {
		if _, err := Parse("x.yaml", stagedYAML(schedule)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", schedule, err, want)
		}
	}
	for schedule, lines := range map[string]int{ // a cause is one line, however many stages one with add stands for
		`[{for: 1ep, add: ["x*", linear, "layer*"]}, {}]`:               1,
		`[{for: 1ep, add: [linear, "layer*"], weights: {bits: 1}}, {}]`: 1,
		`[{for: 1ep, add: [linear, "layer*"], freeze: [nix]}, {}]`:      1,
		`[{for: 1ep, only: "x*"}, {for: 1ep, only: "x*"}, {}]`:          2,
	} {
		var errs ErrorList
		if _, err := Parse("x.yaml", stagedYAML(schedule)); !errors.As(err, &errs) || len(errs) != lines {
			t.Errorf("%s: %v, want %d errors", schedule, err, lines)
		}
	}
	// epochs say nothing of a run of so many steps
	c, err := Parse("x.yaml", []byte(strings.Replace(string(stagedYAML("[{for: 30ep}, {}]")), "epochs: 10", "steps: 400", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if ends, err := c.Quant.Ends(7, 400); fmt.Sprint(ends) != "[210 400]" {
		t.Errorf("stages end at %v (%v)", ends, err)
	}
}

// Layers are added in the order of a list, or of a table; a resolved config needs neither.
func TestStagesAddLayers(t *testing.T) {
	t.Chdir(t.TempDir())
	table := `{"tables": [{"method": "perturb", "layers": [
		{"name": "conv1", "weights": [{"bits": 2, "value": 5}, {"bits": 8, "value": 0}], "activations": [{"bits": 2, "value": 1}]},
		{"name": "layer1.0.conv1", "weights": [{"bits": 8, "value": 9}, {"bits": 2, "value": 0.5}]},
		{"name": "linear", "activations": [{"bits": 2, "value": 3}]}, {"name": "layer1.0.conv2", "weights": [{"bits": 2, "value": 4}]}]},
		{"method": "sqnr", "layers": [{"name": "layer1.0.conv1", "weights": [{"bits": 2, "value": 4}]}, {"name": "layer1.0.conv2", "weights": [{"bits": 2, "value": 3}]},
			{"name": "conv1", "weights": [{"bits": 2, "value": 2}]}, {"name": "linear", "weights": [{"bits": 2, "value": -1}]}]}]}`
	if err := os.WriteFile("s.json", []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	const network = `{network: {nodes: [{name: conv1, conv: {out: 4, kernel: 3}}, {name: layer1.0.conv1, conv: {out: 4, kernel: 3}},
      {name: layer1.0.conv2, conv: {out: 4, kernel: 3}}, global_average_pool, {name: linear, linear: {out: classes}}]}}`
	parse := func(schedule string) (*Config, error) {
		return Parse("x.yaml", bytes.Replace(stagedYAML(schedule), []byte("{arch: resnet20}"), []byte(network), 1))
	}
	for schedule, want := range map[string]string{
		`[{for: 1ep, add: {table: s.json, method: sqnr, parts: 2}}, {}]`: "linear|conv1; linear|conv1|layer1.0.conv2|layer1.0.conv1; ",
		`[{for: 1ep, add: [linear, "layer1.*|conv1"]}, {}]`:              "linear; linear|layer1.*|conv1; ",
		`[{for: 1ep, add: {table: s.json}}, {}]`:                         "layer1.0.conv1; layer1.0.conv1|linear; layer1.0.conv1|linear|layer1.0.conv2; layer1.0.conv1|linear|layer1.0.conv2|conv1; ",
		`[{for: 1ep, add: {table: s.json, parts: 2}, lr: continue}, {}]`: "layer1.0.conv1|linear; layer1.0.conv1|linear|layer1.0.conv2|conv1; ",
		`[{for: 1ep, add: {table: s.json, parts: 3}}, {}]`:               "layer1.0.conv1; layer1.0.conv1|linear; layer1.0.conv1|linear|layer1.0.conv2|conv1; ",
	} {
		c, err := parse(schedule)
		if err == nil {
			c, err = Parse("again.yaml", c.YAML())
		}
		if err != nil {
			t.Fatal(schedule, err)
		}
		var only []string
		for _, s := range c.Quant.Schedule {
			only = append(only, s.Only.String())
		}
		if got := strings.Join(only, "; "); got != want {
			t.Errorf("%s: %s, want %s", schedule, got, want)
		}
	}
	for add, want := range map[string]string{
		"{table: s.json, method: hessian}": `table s.json: it has no losses by "hessian"; wanted one of perturb, sqnr`,
		"{table: s.json, parts: 5}":        "parts: 5 of the 4 layers in s.json; wanted at most as many",
	} {
		if _, err := parse("[{for: 1ep, add: " + add + "}, {}]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", add, err, want)
		}
	}
	if _, err := Parse("x.yaml", stagedYAML("[{for: 1ep, add: {table: s.json}}, {}]")); err == nil || !strings.Contains(err.Error(), "stage 4: add: table s.json lacks 16 of the 20 layers, such as layer1.1.conv1; is it of another network?") {
		t.Errorf("%v; want that ResNet-20 has more layers", err)
	}
	for text, want := range map[string]string{
		`{"tables": []}`: "table s.json: it has no tables; wanted what qat sensitivity --json prints",
		`{"tables": [{"method": "sqnr", "layers": []}]}`: "table s.json: it has no layers; wanted what qat sensitivity --json prints",
		`[`: "table s.json: unexpected end of JSON input",
		`{"tables": [{"layers": [{"name": ""}]}]}`:                                                               `table s.json: glob "" has an empty alternative`,
		`{"tables": [{"layers": [{"name": "conv1"}, {"name": "conv1"}]}]}`:                                       "table s.json: layer conv1 is there twice",
		`{"tables": [{"layers": [{"name": "conv1", "weights": [{"bits": 2, "value": null}]}]}]}`:                 "table s.json: a loss of layer conv1 has no value",
		`{"tables": [{"layers": [{"name": "conv1"}, {"name": "linear"}, {"name": "layer1.0.conv1"}]}]}`:          "add: table s.json lacks 1 of the 4 layers, such as layer1.0.conv2; is it of another network?",
		`{"tables": [{"layers": [{"name": "conv1"}, {"name": "linear"}, {"name": "layer1.*"}, {"name": "x"}]}]}`: `stage 4: add: table s.json: "x" matches no layer; layers: `,
	} {
		if err := os.WriteFile("s.json", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := parse("[{for: 1ep, add: {table: s.json}}, {}]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// A shorter run has the same shape.
func TestShorterStages(t *testing.T) {
	c, err := Parse("x.yaml", stagedYAML("[{for: 1ep}, {for: 50%}, {for: 3ep}, {}]"))
	if err == nil {
		c, err = c.Shorten(0.2)
	}
	if err != nil {
		t.Fatal(err)
	}
	if ends, err := c.Quant.Ends(50, c.Train.Total(50)); err != nil || fmt.Sprint(ends) != "[10 60 90 100]" {
		t.Errorf("stages end at %v (%v)", ends, err)
	}
}
