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
	if err := m.save(saved, nil, state{}); err != nil {
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
	all := func(f *safetensors.File) {
		for i := range f.Tensors {
			f.Tensors[i].Name = "module." + f.Tensors[i].Name
		}
	}
	for name, c := range map[string]struct{ path, message, err string }{
		"checkpoint":     {saved, "97 tensors from", ""},
		"module. prefix": {write("module.safetensors", all), "97 tensors from", ""},
		"left over": {write("left.safetensors", func(f *safetensors.File) {
			f.Tensors = append(f.Tensors, safetensors.NewTensor("extra.bias", []int{1}, []float32{1}))
		}), "not used: extra.bias", ""},
		"missing": {write("missing.safetensors", func(f *safetensors.File) { rename(f, "bn1.weight", "bnX.weight") }), "", `no tensor "bn1.weight"`},
		"wrong shape": {write("shape.safetensors", func(f *safetensors.File) {
			rename(f, "bn1.weight", "x")
			f.Tensors = append(f.Tensors, safetensors.NewTensor("bn1.weight", []int{2}, []float32{1, 1}))
		}), "", "bn1.weight has shape [2], the network wants [16]"},
		"no such file":    {filepath.Join(dir, "none.pth"), "", "none.pth"},
		"unknown kind":    {write("weights.bin", func(*safetensors.File) {}), "", "unknown kind of file"},
		"a folder":        {dir, "", "is a folder"},
		"unknown network": {"embedded:nosuch", "", "no embedded network"},
	} {
		m.Config.Model.Init = c.path
		line, err := m.initial()
		if c.err == "" && (err != nil || !strings.Contains(line, c.message)) {
			t.Errorf("%s: %q, error %v; want %q", name, line, err, c.message)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.err)
		}
	}
}
