package configs

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// Every preset is of a method, gives values that its keys have, and makes a config that loads.
func TestPresets(t *testing.T) {
	recipeKeys := map[string]kind{}
	walk(table(), "", func(path string, f field) {
		if f.at != nil {
			recipeKeys[path] = f.kind
		}
	})
	var names []string
	for _, p := range presets {
		m, err := estimators.MethodNamed(string(p.estimator()))
		if err != nil || slices.Contains(names, p.name) || p.source == "" {
			t.Errorf("%s: %v; wanted a name of its own, of a method, and a source", p.name, err)
		}
		names = append(names, p.name)
		if p.weights == nil && p.activations == nil || p.weights != nil && !m.Weights || p.activations != nil && !m.Activations {
			t.Errorf("%s is for tensors that %s does not quantize, or for none", p.name, m.Name)
		}
		for path, text := range p.recipe {
			k := recipeKeys[path]
			if k == nil {
				t.Errorf("%s: recipe: no key %s", p.name, path)
			} else if _, err := parseValue(k, text); err != nil && !strings.Contains(err.Error(), "is not built yet") {
				t.Errorf("%s: recipe: %s: %v", p.name, path, err)
			}
		}
		for tensor, given := range map[string]keys{"quant.weights": p.weights, "quant.activations": p.activations} {
			if given == nil {
				continue
			}
			_, fields := p.of(tensor)
			for key, text := range given {
				i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
				if i < 0 || !fixes(key) {
					t.Errorf("%s: %s: a preset has no key %s", p.name, tensor, key)
				} else if _, err := parseValue(fields[i].kind, text); err != nil {
					t.Errorf("%s: %s.%s: %v", p.name, tensor, key, err)
				}
			}
			overrides := []string{tensor + ".estimator=" + p.name, tensor + ".bits=" + Bits(min(m.MaxBits, 4)).String()}
			if m.MaxBits == 1 && tensor == "quant.activations" { // signs
				overrides = append(overrides, "model.block=bireal", "quant.residual=fp")
			}
			c := mustLoad(t, "resnet20_w4a4", overrides...)
			if again, err := Parse("x", c.YAML()); err != nil || !reflect.DeepEqual(same(c), same(again)) {
				t.Errorf("%s: %v\n%s", p.name, err, c.YAML())
			}
			for _, d := range c.References()[0].Deviations {
				if strings.HasPrefix(d.Key, tensor+".") && p.recipe[d.Key] == "" {
					t.Errorf("%s: a config that gives nothing itself deviates: %+v", p.name, d)
				}
			}
		}
	}
}

// What stands beside a preset wins over it, later files and arguments too; another estimator takes all of it away.
func TestPresetPrecedence(t *testing.T) {
	base := write(t, "train: {epochs: 1}\nquant: {first_last: fp, weights: {bits: 1, estimator: bwn@reste}, activations: {bits: 4, granularity: per_tensor, n: per_channel}}\n")
	w := func(overrides ...string) TensorSpec { return mustLoad(t, base, overrides...).Quant.Weights }
	if s := w(); s.Estimator != "bwn" || s.Granularity != PerChannel || s.STE != "reste" || len(s.Options) != 2 {
		t.Errorf("the preset gives %+v", s)
	}
	if s := w("quant.weights.granularity=per_tensor"); s.Granularity != PerTensor || s.STE != "reste" {
		t.Errorf("with a later granularity: %+v", s)
	}
	if s := w("quant.weights.estimator=xnor"); s.Estimator != "xnor" || s.Granularity != PerTensor || s.STE != STEAuto || len(s.Options) != 0 {
		t.Errorf("with another estimator: %+v", s)
	}
	a := func(overrides ...string) TensorSpec { return mustLoad(t, base, overrides...).Quant.Activations }
	if s := a("quant.activations.estimator=lsq@mqbench"); s.N != NPerTensor {
		t.Errorf("a preset leaves n: %v of an earlier file", s.N)
	}
	for _, args := range [][]string{{"quant.activations.n=auto", "quant.activations.estimator=lsq@mqbench"}, {"quant.activations.estimator=lsq@mqbench", "quant.activations.n=auto"}} {
		if s := a(args...); s.N != NAuto {
			t.Errorf("%v: n is %v", args, s.N)
		}
	}
	c := mustLoad(t, base, "quant.activations.estimator=lsq@mqbench")
	for path, want := range map[string]string{
		"quant.activations.estimator": "argument", "quant.activations.n": "argument (lsq@mqbench)",
		"quant.weights.ste": base + ":2:55 (bwn@reste)", "quant.weights.estimator": base + ":2:55",
	} {
		if got := c.Origin(path); got != strings.ReplaceAll(want, `\`, "/") {
			t.Errorf("Origin(%s) = %q, wanted %q", path, got, want)
		}
	}
}

func TestReferences(t *testing.T) {
	if refs := mustLoad(t, "resnet20_w4a4").References(); len(refs) != 0 {
		t.Errorf("a config without presets has %+v", refs)
	}
	c := mustLoad(t, "resnet20_lsq_w4a4", "quant.activations={n: per_tensor, ste: ewgs, options: {delta: 0.1}}", "quant.weights={n: per_tensor, ste: clipped}",
		"quant.layers[linear].activations={estimator: pact@mqbench, options: {decay: 0.1}}")
	refs := c.References()
	if len(refs) != 2 || refs[0].Preset != "lsq@paper" || refs[1].Preset != "pact@mqbench" || len(refs[0].Notes) == 0 {
		t.Fatalf("%+v", refs)
	}
	for i, want := range [][]Deviation{{
		{"quant.activations.n", "per_sample", "per_tensor"}, {"quant.activations.ste", "clipped", "ewgs"}, {"quant.activations.options.delta", "none", "0.1"},
		{"data.dataset", "imagenet", "cifar10"}, {"train.epochs", "90", "4"},
	}, {
		// The paper's clip of 6 is there; first_last is as well.
		{`quant.layers["linear"].activations.options.decay`, "0", "0.1"}, {`quant.layers["linear"].activations.options.initial_alpha`, "6", "10"},
	}} {
		if got := refs[i].Deviations; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwanted %+v", refs[i].Preset, got, want)
		}
	}
}
