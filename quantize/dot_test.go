package quantize_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/quantize"
)

// The graph has each node with its shape, each edge, and the quantizers where they stand; names are escaped.
func TestDOT(t *testing.T) {
	cfg, err := configs.Load("resnet20_w4a4", nil)
	if err != nil {
		t.Fatal(err)
	}
	n := &networks.Network{Input: networks.Shape{H: 8, W: 8, C: 3}}
	x := n.Add(`a "quoted" \ name`+"\n", networks.Conv{Out: 6, Window: networks.Square(3, 2, 1), Groups: 3}, networks.Input)
	y := n.Add("b.conv", networks.Conv{Out: 6, Window: networks.Window{Kernel: networks.Size{H: 3, W: 1}, Stride: networks.Size{H: 1, W: 1}, Pad: networks.Pad{Top: 1, Bottom: 1}}}, n.Add("relu", networks.ReLU{}, x))
	y = n.Add("pool", networks.MaxPool{Window: networks.Square(3, 1, 1)}, n.Add("b.add", networks.Add{}, y, "relu"))
	n.Add("linear", networks.Linear{Out: 10}, n.Add("gap", networks.GlobalAveragePool{}, y))
	got, err := quantize.DOT(n, &cfg.Quant)
	if err != nil {
		t.Fatal(err)
	}
	want := `digraph {
  node [shape=box]
  "input" [label="input\n8x8x3", shape=oval]
  "a \"quoted\" \\ name\n" [label="a \"quoted\" \\ name\n\nconv 3x3/2 g3\n4x4x6\nweights 8-bit signed lsq", style=bold]
  "input" -> "a \"quoted\" \\ name\n" [label="8-bit unsigned affine", style=bold]
  "relu" [label="relu\nrelu\n4x4x6\noutput 8-bit unsigned lsq", style=bold]
  "a \"quoted\" \\ name\n" -> "relu"
  "b.conv" [label="b.conv\nconv 3x1/1\n4x4x6\nweights 4-bit signed lsq\noutput 8-bit signed lsq", style=bold]
  "relu" -> "b.conv" [label="4-bit unsigned lsq", style=bold]
  "b.add" [label="b.add\nadd\n4x4x6\noutput 8-bit signed lsq", style=bold]
  "b.conv" -> "b.add"
  "relu" -> "b.add"
  "pool" [label="pool\nmax_pool 3x3/1\n4x4x6"]
  "b.add" -> "pool"
  "gap" [label="gap\nglobal_average_pool\n1x1x6"]
  "pool" -> "gap"
  "linear" [label="linear\nlinear\n1x1x10\nweights 8-bit signed lsq", style=bold]
  "gap" -> "linear" [label="8-bit signed lsq", style=bold]
}
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Each network of the zoo is a graph whose lines are those of the language's grammar.
func TestDOTGrammar(t *testing.T) {
	text := `"(?:[^"\\\n]|\\["\\n])*"`
	line := regexp.MustCompile(`^  ` + text + `(?: -> ` + text + `)?(?: \[label=` + text + `(?:, shape=oval)?(?:, style=bold)?\])?$`)
	for _, a := range networks.Archs() {
		n, err := networks.Build(a.Name, networks.Options{Input: a.Input, Classes: a.Classes})
		if err != nil {
			t.Fatal(err)
		}
		got, err := quantize.DOT(n, &configs.Quant{Weights: configs.TensorSpec{Bits: 4}})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(got), "\n")
		for _, l := range lines[2 : len(lines)-2] {
			if !line.MatchString(l) {
				t.Errorf("%s: %s", a.Name, l)
			}
		}
	}
}
