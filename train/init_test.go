package train

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/safetensors"
)

func TestInit(t *testing.T) {
	dir := t.TempDir()
	m, err := Open(loadConfig(t), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.initial(); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(dir, "w.qat")
	if err := m.save(saved, false, state{}, origin{}); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, change func(f *safetensors.File)) string {
		g := &safetensors.File{Tensors: append([]safetensors.Tensor(nil), f.Tensors...)}
		change(g)
		path := filepath.Join(dir, name)
		if err := safetensors.WriteFile(path, g); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rename := func(f *safetensors.File, from, to string) {
		for i := range f.Tensors {
			if f.Tensors[i].Name == from {
				f.Tensors[i].Name = to
			}
		}
	}
	prefixed := func(prefix string) func(f *safetensors.File) {
		return func(f *safetensors.File) {
			for i := range f.Tensors {
				f.Tensors[i].Name = prefix + f.Tensors[i].Name
			}
		}
	}
	float64s := func(g *safetensors.File) {
		for i, t := range g.Tensors {
			v, err := f.Float32s(t.Name)
			if err != nil {
				t.Name += " cannot be read"
			}
			wide := make([]float64, len(v))
			for i := range v {
				wide[i] = float64(v[i])
			}
			g.Tensors[i] = safetensors.NewTensor(t.Name, t.Shape, wide)
		}
	}
	twice := func(g *safetensors.File) {
		prefixed("student.")(g)
		for _, t := range f.Tensors {
			t.Name = "teacher." + t.Name
			g.Tensors = append(g.Tensors, t)
		}
	}
	for name, c := range map[string]struct{ path, message, err, key string }{
		"checkpoint":   {path: saved, message: "97 tensors from"},
		"prefixes":     {path: write("module.safetensors", prefixed("module._orig_mod.model.")), message: `module.safetensors, "module._orig_mod.model"`},
		"by content":   {path: write("WEIGHTS.BIN", func(*safetensors.File) {}), message: "97 tensors from"},
		"float64":      {path: write("float64.safetensors", float64s), message: "97 tensors from"},
		"two networks": {path: write("two.safetensors", twice), err: `holds the network 2 times, as "student", "teacher"; choose one with model.init_key=student`},
		"one of two":   {path: filepath.Join(dir, "two.safetensors"), key: "teacher", message: `two.safetensors, "teacher"; not used: "student.bn1.bias"`},
		"no such key":  {path: filepath.Join(dir, "two.safetensors"), key: "ema", err: `nothing for the network under the key "ema"; there is "student", "teacher"`},
		"left over": {path: write("left.safetensors", func(f *safetensors.File) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("extra.bias", []int{1}, []float32{1}))
		}), message: `not used: "extra.bias"`},
		"missing": {path: write("missing.safetensors", func(f *safetensors.File) { rename(f, "bn1.weight", "bnX.weight") }),
			err: `does not fit resnet20 of 10 classes: 1 of 97 tensors are missing, for instance "bnX.weight" [16] in the file, "bn1.weight" [16] in the network`},
		"wrong shape": {path: write("shape.safetensors", func(f *safetensors.File) {
			rename(f, "bn1.weight", "x")
			f.Tensors = append(f.Tensors, safetensors.NewTensor("bn1.weight", []int{2}, []float32{1, 1}))
		}), err: `1 of 97 tensors have another shape, for instance "bn1.weight": [2] in the file, [16] in the network`},
		"nothing fits": {path: write("other.safetensors", func(f *safetensors.File) {
			f.Tensors = []safetensors.Tensor{safetensors.NewTensor("features.0.bias", []int{1}, []float32{1})}
		}), err: `none of its names is the network's, for instance "features.0.bias" [1] in the file, "conv1.weight" [16 3 3 3] in the network`},
		"no such file":    {path: filepath.Join(dir, "none.pth"), err: "none.pth"},
		"a folder":        {path: dir, err: "is a folder"},
		"unknown network": {path: "embedded:nosuch", err: "no embedded network"},
	} {
		m.Config.Model.Init, m.Config.Model.InitKey = c.path, c.key
		line, err := m.initial()
		if c.err == "" && (err != nil || !strings.Contains(line, c.message)) {
			t.Errorf("%s: %q, error %v; want %q", name, line, err, c.message)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", name, err)
		}
	}
}
