package train

import (
	"fmt"
	"strings"
	"testing"
)

// tensorsNamed reads tensors with their shapes, such as "conv.weight:4x2 acc"; a ? is one that cannot be read.
func tensorsNamed(words string) (all []named) {
	for _, w := range strings.Fields(words) {
		name, size, _ := strings.Cut(w, ":")
		t := named{name: name, shape: []int{}}
		for d := range strings.SplitSeq(size, "x") {
			n := 0
			if _, err := fmt.Sscan(d, &n); err == nil {
				t.shape = append(t.shape, n)
			}
		}
		if size == "?" {
			t.shape = nil
		}
		all = append(all, t)
	}
	return all
}

func TestFit(t *testing.T) {
	wants := []want{{name: "conv.weight", shape: []int{4, 2}}, {name: "bn.bias", shape: []int{4}}, {name: "relu.shift", shape: []int{4}, optional: true}}
	const net = "conv.weight:4x2 bn.bias:4 "
	prefixed := func(p string) string { return p + "conv.weight:4x2 " + p + "bn.bias:4 " }
	for _, tt := range []struct {
		name  string
		dicts [][2]string // key and tensors
		key   string
		want  string // the candidate's key, or the error
	}{
		{"alone", [][2]string{{"", net}}, "", "."},
		{"optional", [][2]string{{"", net + "relu.shift:4"}}, "", "."},
		{"optional of another shape", [][2]string{{"", net + "relu.shift:5"}}, "", "have another shape"},
		{"stray tensors beside", [][2]string{{"", "acc lr"}, {"net", net}}, "", "net"},
		{"stray tensors among", [][2]string{{"", net + "acc"}}, "", "."},
		{"prefixes", [][2]string{{"state_dict", prefixed("module._orig_mod.model.net.backbone.")}}, "", "state_dict.module._orig_mod.model.net.backbone"},
		{"two dicts", [][2]string{{"model", net}, {"ema.module", net}}, "", `2 times, as "model", "ema.module"`},
		{"the first of two", [][2]string{{"model", net}, {"ema.module", net}}, "model", "model"},
		{"the second of two", [][2]string{{"model", net}, {"ema.module", net}}, "ema.module", "ema.module"},
		{"the outer of two", [][2]string{{"", net}, {"ema", net}}, ".", "."},
		{"another key", [][2]string{{"model", net}, {"ema", net}}, "teacher", `under the key "teacher"; there is "model", "ema"`},
		{"a key of what is no network", [][2]string{{"optimizer", "lr"}}, "ema", `there is "optimizer"`},
		{"a dict that does not fit, by key", [][2]string{{"model", net}, {"head", "conv.weight:4x2"}}, "head", `1 of 3 tensors are missing, for instance "bn.bias" [4]`},
		{"a copy under a prefix", [][2]string{{"", prefixed("teacher.") + net}}, "", "."},
		{"the copy, by key", [][2]string{{"", prefixed("teacher.") + net}}, "teacher", "teacher"},
		{"two prefixes", [][2]string{{"s", prefixed("a.") + prefixed("b.")}}, "", `as "s.a", "s.b"`},
		{"two prefixes, by key of the dict", [][2]string{{"s", prefixed("a.") + prefixed("b.")}}, "s", `as "s.a", "s.b"`},
		{"not all names have the prefix", [][2]string{{"", "module.conv.weight:4x2 bn.bias:4"}}, "", "1 of 3 tensors are missing"},
		{"inside a word", [][2]string{{"", "xconv.weight:4x2 xbn.bias:4"}}, "", "none of its names"},
		{"what no network wants is no example", [][2]string{{"", "conv.weight:4x2 bn.num_batches_tracked:1"}}, "", `1 of 3 tensors are missing, for instance "bn.bias" [4]`},
		{"the best is told of", [][2]string{{"", "conv.weight:9"}, {"model", "conv.weight:4x2 bn.scale:4"}}, "", `for instance "bn.scale" [4] in the file, "bn.bias" [4] in the network`},
		{"a kind that is not read", [][2]string{{"", "conv.weight:? bn.bias:4"}}, "", "."},
		{"an endless name", [][2]string{{"", strings.Repeat(".", 1<<20) + "conv.weight:4x2"}}, "", "none of its names"},
		{"escape sequences", [][2]string{{"", "\x1b[31m:4"}}, "", `"\x1b[31m" [4] in the file`},
	} {
		var dicts []dict
		for _, d := range tt.dicts {
			dicts = append(dicts, dict{key: d[0], tensors: tensorsNamed(d[1])})
		}
		c, err := fit(dicts, wants, tt.key)
		got := fmt.Sprint(err)
		if err == nil {
			got = c.key()
		}
		if err == nil && got != tt.want || err != nil && !strings.Contains(got, tt.want) || strings.Contains(got, "\n") || len(got) > 1000 {
			t.Errorf("%s: got %.200s, want %s", tt.name, got, tt.want)
		}
	}
}

// The files of internal/torchfile hold a small network as other programs save it.
func TestFitTorchFiles(t *testing.T) {
	wants := []want{{name: "fc.weight", shape: []int{2, 3}}, {name: "fc.bias", shape: []int{2}}}
	for _, tt := range []struct{ file, key, want string }{
		{"lightning.ckpt", "", "state_dict.model"},
		{"timm.pth.tar", "", `2 times, as "state_dict", "state_dict_ema"`},
		{"timm.pth.tar", "state_dict_ema", "state_dict_ema"},
		{"parallel.th", "", "state_dict.module"},
		{"compiled.pt", "", "ema_model.module._orig_mod"},
		{"inert5.pth", "", "net"},
		{"kinds.pth", "", "."},
	} {
		dicts, err := readWeights("../internal/torchfile/testdata/"+tt.file, Reading{})
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		c, err := fit(dicts, wants, tt.key)
		got := fmt.Sprint(err)
		if err == nil {
			got = c.key()
			if v, err := c.names["fc.bias"].values(); err != nil || len(v) != 2 {
				t.Errorf("%s: fc.bias is %v, %v", tt.file, v, err)
			}
		}
		if !strings.HasSuffix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.file, got, tt.want)
		}
	}
}
