package configs

import (
	"slices"
	"strings"

	"github.com/qat-go/qat/estimators"
)

// Reference is a source that the config names by a preset, and how the config deviates from it.
type Reference struct {
	Preset     string      `json:"preset"`
	Source     string      `json:"source"`
	Deviations []Deviation `json:"deviations,omitempty"`
	Notes      []string    `json:"notes,omitempty"` // what the source does and no key says
}

// Deviation is a key with the source's value and another one here.
type Deviation struct {
	Key   string `json:"key"`
	There string `json:"there"`
	Here  string `json:"here"`
}

// References lists the sources that the config names by presets, in the order of appearance.
func (c *Config) References() []Reference {
	var refs []Reference
	add := func(path string, spec TensorSpec) {
		name, named := c.presets[path]
		if !named {
			return
		}
		p, _ := presetNamed(name)
		i := slices.IndexFunc(refs, func(r Reference) bool { return r.Preset == name })
		if i < 0 {
			i = len(refs)
			refs = append(refs, Reference{Preset: name, Source: p.source, Notes: p.notes})
		}
		refs[i].Deviations = append(refs[i].Deviations, tensorDeviations(p, path, spec)...)
	}
	add("quant.weights", c.Quant.Weights)
	add("quant.activations", c.Quant.Activations)
	for _, r := range c.Quant.Layers {
		path := rulePath(r.Pattern.String())
		add(path+".weights", r.Weights.Apply(c.Quant.Weights))
		add(path+".activations", r.Activations.Apply(c.Quant.Activations))
	}
	for i, r := range refs {
		p, _ := presetNamed(r.Preset)
		refs[i].Deviations = append(r.Deviations, c.recipeDeviations(p)...)
	}
	return refs
}

// tensorDeviations compares the keys that the preset fixes.
func tensorDeviations(p preset, path string, spec TensorSpec) (all []Deviation) {
	given, fields := p.of(path)
	there := TensorSpec{Estimator: p.estimator()}
	for _, f := range fields {
		if !fixes(f.key) {
			continue
		}
		v, err := f.value(given)
		if err != nil {
			continue // none, as a test reads every preset
		}
		assign(f.tensor(&there), v)
	}
	there, spec = explicit(there, path), explicit(spec, path)
	for _, f := range fields {
		a, b := f.kind.format(valueAt(f.tensor(&there))), f.kind.format(valueAt(f.tensor(&spec)))
		switch {
		case !fixes(f.key) || a == b:
		case f.key == "options":
			all = append(all, optionDeviations(subPath(path, f.key), there, spec)...)
		default:
			all = append(all, Deviation{subPath(path, f.key), a, b})
		}
	}
	return all
}

// explicit replaces what is automatic by what it stands for, so that two ways to say the same do not differ.
func explicit(s TensorSpec, path string) TensorSpec {
	if m, err := estimators.MethodNamed(string(s.Estimator)); err == nil && s.STE == STEAuto && len(m.STEs) > 0 {
		s.STE = STE(m.STEs[0])
	}
	if s.N == NAuto {
		switch {
		case strings.HasSuffix(path, ".activations"):
			s.N = NPerSample
		case s.Granularity == PerChannel:
			s.N = NPerChannel
		default:
			s.N = NPerTensor
		}
	}
	return s
}

// optionDeviations compares options by name; one that is not given has its default.
func optionDeviations(path string, there, here TensorSpec) (all []Deviation) {
	var names []string
	for _, o := range slices.Concat(there.Options, here.Options) {
		if !slices.Contains(names, o.Name) {
			names = append(names, o.Name)
		}
	}
	for _, name := range names {
		if a, b := there.option(name), here.option(name); a != b {
			all = append(all, Deviation{subPath(path, name), a, b})
		}
	}
	return all
}

// option is the value of an option as YAML writes it.
func (s TensorSpec) option(name string) string {
	for _, o := range s.Options {
		if o.Name == name {
			return formatSchedule(o.Value)
		}
	}
	var options []estimators.Option
	if m, err := estimators.MethodNamed(string(s.Estimator)); err == nil {
		options = append(options, m.Options...)
	}
	if k, err := estimators.STENamed(string(s.STE)); err == nil {
		options = append(options, k.Options...)
	}
	for _, o := range options {
		if o.Name == name {
			return formatFloat(o.Default)
		}
	}
	return "none"
}

// recipeDeviations compares the rest of the config. A value that only the source has, such as a data set that is not
// built, is compared as it is written.
func (c *Config) recipeDeviations(p preset) (all []Deviation) {
	walk(table(), "", func(path string, f field) {
		there, given := p.recipe[path]
		if !given || f.at == nil {
			return
		}
		if v, err := parseValue(f.kind, there); err == nil {
			there = f.kind.format(v)
		}
		if here := f.kind.format(valueAt(f.at(c))); here != there {
			all = append(all, Deviation{path, there, here})
		}
	})
	return all
}
