package train

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/internal/torchfile"
	"github.com/qat-go/qat/layers/pretrained"
)

// initial loads the weights that model.init names: PyTorch files (.th, .pth,
// .pt), safetensors, or a checkpoint of qat. Weights, biases and batch norm are
// taken by name, "module." of DataParallel taken off; every one of them must be
// there with the right shape. Quantizers always start anew, and so does RPReLU if
// the file has none. It returns a line for the user, with what the file holds
// beyond the network.
func (m *Model) initial() (string, error) {
	from := m.Config.Model.Init
	if from == configs.RandomInit {
		return "random weights, seed " + fmt.Sprint(m.Config.Train.Seed), nil
	}
	return m.loadWeights("model.init", from)
}

// loadWeights is initial for a file that the config names under key.
func (m *Model) loadWeights(key, from string) (string, error) {
	f, err := readWeights(from)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	used := map[string]bool{}
	var problems []string
	load := func(name string, shape []int, set func([]float32) error) {
		if ofQuantizer(name) {
			return
		}
		used[name] = true
		v, err := shaped(f, name, shape)
		if err == nil {
			err = set(v)
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	missing := 0
	for _, p := range m.Net.Params {
		if p.Optional && !has(f, p.Name) {
			missing++
			continue
		}
		load(p.Name, p.FileShape(), func(v []float32) error { return p.FromFile(p.Data(), v) })
	}
	for _, b := range m.Net.Buffers {
		load(b.Name, []int{len(b.Data)}, func(v []float32) error { copy(b.Data, v); return nil })
	}
	if len(problems) > 0 {
		return "", fmt.Errorf("%s: %s does not fit %s:\n  %s", key, from, m.Config.Model.Arch, strings.Join(problems, "\n  "))
	}
	if err := m.Net.CheckState(); err != nil {
		return "", fmt.Errorf("%s: %s: %w", key, from, err)
	}
	var left []string
	for _, t := range f.Tensors {
		if !used[t.Name] && !strings.HasSuffix(t.Name, ".num_batches_tracked") && !strings.HasPrefix(t.Name, velocityPrefix) && !ofQuantizer(t.Name) {
			left = append(left, t.Name)
		}
	}
	line := fmt.Sprintf("%d tensors from %s", len(used), from)
	if missing > 0 {
		line += fmt.Sprintf("; it has no RPReLU, whose %d tensors start anew", missing)
	}
	if len(left) > 0 {
		slices.Sort(left)
		line += fmt.Sprintf("; not used: %s", strings.Join(left, ", "))
	}
	return line, nil
}

// ofQuantizer tells that a tensor is a quantizer's, by its name.
func ofQuantizer(name string) bool { return strings.Contains(name, "_quantizer.") }

func has(f *safetensors.File, name string) bool {
	return slices.ContainsFunc(f.Tensors, func(t safetensors.Tensor) bool { return t.Name == name })
}

// readWeights reads a file of any format as named tensors.
func readWeights(from string) (*safetensors.File, error) {
	if name, ok := strings.CutPrefix(from, configs.EmbeddedInit); ok {
		data, err := pretrained.Read(name)
		if err != nil {
			return nil, err
		}
		return safetensors.Read(data)
	}
	want := "trained weights: a PyTorch file, safetensors or a checkpoint of qat"
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		want += ", for instance " + filepath.Join(from, CheckpointFile)
	}
	if _, err := filetype.Check(from, want, filetype.PyTorch, filetype.Safetensors, filetype.Checkpoint, filetype.Archive, filetype.Unknown); err != nil {
		return nil, err
	}
	f := &safetensors.File{}
	switch ext := strings.ToLower(filepath.Ext(from)); ext {
	case ".th", ".pth", ".pt":
		ts, err := torchfile.Read(from)
		if err != nil {
			return nil, err
		}
		for _, t := range ts {
			f.Tensors = append(f.Tensors, safetensors.NewTensor(t.Name, t.Shape, t.Data))
		}
	case ".safetensors", ".qat":
		var err error
		if f, err = safetensors.ReadFile(from); err != nil {
			return nil, err
		}
		preferAverages(f)
	default:
		return nil, fmt.Errorf("%s: unknown kind of file %q; want .th, .pth, .pt, .safetensors or .qat", from, ext)
	}
	seen := map[string]bool{}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		t.Name = strings.TrimPrefix(t.Name, "module.")
		if seen[t.Name] {
			return nil, fmt.Errorf("%s: tensor %q is there twice, with and without \"module.\"", from, t.Name)
		}
		seen[t.Name] = true
	}
	return f, nil
}
