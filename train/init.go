package train

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
)

// initial loads the weights that model.init names: PyTorch files, safetensors, or a
// checkpoint of qat. Weights, biases and batch norm are taken by name, prefixes such
// as "module." of DataParallel taken off; every one of them must be there with the
// right shape. What quantizers have learned is taken from a checkpoint of qat that quantizes alike; others start anew,
// and so does RPReLU if the file has none. It returns a line for the user, with what was left.
func (m *Model) initial() (string, error) {
	from := m.Config.Model.Init
	if from == configs.RandomInit {
		return "random weights, seed " + fmt.Sprint(m.Config.Train.Seed), nil
	}
	return m.loadWeights(initOption, from, m.Config.Model.InitKey)
}

// elsewhere is what to do with an option whose weights are of another network.
var elsewhere = map[string]string{
	initOption:    "name weights of this network, or set model.init=random",
	teacherOption: "name weights of this network, or set quant.distillation.teacher=none",
}

// unfit says that the weights of an option are another network's, which it can be for its classes alone.
func (m *Model) unfit(option, from string, err error) error {
	return fmt.Errorf("%s does not fit %s of %d classes: %w; %s", from, m.Config.Model.Arch, len(m.Net.Input.Classes), err, elsewhere[option])
}

const (
	initOption    = "model.init"
	teacherOption = "quant.distillation.teacher"
)

// loadWeights is initial for a file that the config names under option; key is what
// it names under option + "_key".
func (m *Model) loadWeights(option, from, key string) (string, error) {
	dicts, err := readWeights(from, m.reading)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	wants := m.wants()
	found, err := fitFrom(from, dicts, wants, key)
	switch ambiguous := (*ambiguousError)(nil); {
	case errors.As(err, &ambiguous):
		return "", configs.ErrorList{m.Config.Mistake(option, "%s %v; choose one with %s_key=%s", from, err, option, ambiguous.keys[0])}
	case err != nil:
		return "", configs.ErrorList{m.Config.Mistake(option, "%v", m.unfit(option, from, err))}
	}
	missing := 0
	for _, a := range m.starting() {
		t, ok := found.names[a.Name]
		if !ok {
			missing++
			continue
		}
		v, err := t.values()
		if err == nil {
			err = a.FromFile(a.Data(), v)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %s: %w", option, from, err)
		}
	}
	quantizers := ""
	if option == initOption {
		quantizers, err = m.takeQuantizers(found.dict)
	}
	if err = cmp.Or(err, m.Net.Store.Check()); err != nil {
		return "", fmt.Errorf("%s: %s: %w", option, from, err)
	}
	line := fmt.Sprintf("%d tensors from %s", len(found.names), from)
	if k := found.key(); k != "." {
		line += fmt.Sprintf(", %.100q", k)
	}
	if missing > 0 {
		line += fmt.Sprintf("; it has no RPReLU, whose %d tensors start anew", missing)
	}
	if left := found.left(); len(left) > 0 {
		line += "; not used: " + some(left)
	}
	return line + quantizers, nil
}

// fitFrom is fit for what the config names. The network of embedded weights is known: one that leaves some of them is
// another, though the rest has its names.
func fitFrom(from string, dicts []dict, wants []want, key string) (*candidate, error) {
	found, err := fit(dicts, wants, key)
	if err != nil || !strings.HasPrefix(from, configs.EmbeddedInit) {
		return found, err
	}
	if left := found.left(); len(left) > 0 {
		return nil, fmt.Errorf("they are another network's, which has %s", some(left))
	}
	return found, nil
}

// left names what a network does not take of a dict that it fits, but for what belongs to training and quantizers.
func (c *candidate) left() (names []string) {
	for _, t := range c.unused() {
		if !strings.HasSuffix(t.name, tracked) && (layers.Prefix(t.name) == "" || layers.Prefix(t.name) == layers.AveragePrefix) && !ofQuantizer(t.name) {
			names = append(names, t.name)
		}
	}
	slices.Sort(names)
	return names
}

// starting lists what the network takes from a file of weights.
func (m *Model) starting() []*layers.Array {
	return slices.DeleteFunc(m.Net.Store.All(), func(a *layers.Array) bool { return ofQuantizer(a.Name) })
}

// wants describes it.
func (m *Model) wants() (wants []want) {
	for _, a := range m.starting() {
		wants = append(wants, want{a.Name, a.FileShape(), a.Optional})
	}
	return wants
}
