package export

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/networks"
)

// cFormat is C99: a header with the network, and a program beside it that runs the
// network in integers alone, without malloc.
var cFormat = format{
	name: configs.C, extension: "h",
	kinds: func() []string { return sortedKeys(cKinds) },
	write: func(path string, net *integer.Network, _ Options) error {
		if err := checkHeaderName(path); err != nil {
			return err
		}
		m, err := newCModel(net)
		if err != nil {
			return err
		}
		var header bytes.Buffer
		if err := cHeader.Execute(&header, m); err != nil {
			return err
		}
		program := []byte(strings.Replace(cProgram, `"model.h"`, cString(filepath.Base(path)), 1))
		if err := errors.Join(digest.Seal(textMarker, header.Bytes()), digest.Seal(textMarker, program)); err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(path, header.Bytes()); err != nil {
			return err
		}
		return atomicfile.WriteBytes(cProgramPath(path), program)
	},
	files: func(path string) []string { return []string{path, cProgramPath(path)} },
}

// ErrHeaderName reports a path for C that is no header's.
var ErrHeaderName = errors.New("a C header's name ends in .h; the program beside it gets .c")

func checkHeaderName(path string) error {
	if filepath.Ext(path) != ".h" {
		return ErrHeaderName
	}
	return nil
}

// textMarker stands before the digits of a digest in a comment.
const textMarker = digest.Key + " " + digest.Scheme

// cProgramPath is the path of the program beside a header.
func cProgramPath(path string) string { return strings.TrimSuffix(path, ".h") + ".c" }

//go:embed csource/model.c
var cProgram string

//go:embed csource/model.h.tmpl
var cHeaderText string

var cHeader = template.Must(template.New("model.h").Funcs(template.FuncMap{"numbers": func(v any) string {
	if w, ok := v.([]int32); ok {
		return cNumbers(w)
	}
	return cNumbers(v.([]int))
}}).Parse(cHeaderText))

// cModel is what the header's template reads.
type cModel struct {
	Title   string
	Input   integer.Tensor
	Codes   [][]int // of each channel, of each value of a pixel
	Tensors []cTensor
	Layers  []cLayer
	Classes []string // as literals
	Arena   int
	Row     int
}

type cTensor struct {
	integer.Tensor
	Offset int
}

type cLayer struct {
	Title, Kind  string
	In, In2, Out int
	networks.Window
	Groups           int
	Lo, Hi           uint8
	Bits             int // 0: signs
	Weights, Shift   []int
	Bias, Multiplier []int32
	from, to         integer.Tensor // that In and Out are
}

func newCModel(net *integer.Network) (*cModel, error) {
	in := net.Tensors[0]
	if in.C != len(net.Mean) {
		return nil, fmt.Errorf("the images have %d channels, want %d", in.C, len(net.Mean))
	}
	m := &cModel{Title: cTitle(net.Name), Input: in}
	for c := range in.C {
		table := net.InputTable(c)
		m.Codes = append(m.Codes, ints(table[:]))
	}
	offsets, size := plan(net)
	m.Arena = size
	for i, t := range net.Tensors {
		m.Tensors = append(m.Tensors, cTensor{t, offsets[i]})
	}
	for _, l := range net.Layers {
		c, row, err := newCLayer(net, l)
		if err != nil {
			return nil, err
		}
		m.Layers, m.Row = append(m.Layers, c), max(m.Row, row)
	}
	for o := range net.Logits().Out {
		name := fmt.Sprint(o)
		if len(net.Classes) > 0 {
			name = net.Classes[o]
		}
		m.Classes = append(m.Classes, cString(name))
	}
	return m, nil
}

// cKinds fills in what layers of a kind have beside tensors, weights and multipliers. The kind's name in C is QAT_ and the
// word in capitals.
var cKinds = table[*cLayer]{
	"conv": row(func(c *cLayer, l *integer.Conv) error {
		c.Window, c.Groups = l.Window, max(l.Groups, 1)
		c.Lo, c.Hi = l.Lo, l.Hi
		return nil
	}),
	"requantize": row(func(c *cLayer, l *integer.Requantize) error {
		c.Lo, c.Hi = l.Lo, l.Hi
		return nil
	}),
	"add": row(func(c *cLayer, l *integer.Add) error {
		c.In2, c.Lo, c.Hi = l.B, l.Lo, l.Hi
		return nil
	}),
	"shortcut": row(func(c *cLayer, l *integer.Shortcut) error {
		c.Window = networks.Square(0, l.Stride, 0)
		return nil
	}),
	"max_pool": row(func(c *cLayer, l *integer.MaxPool) error {
		c.Window = l.Window
		return nil
	}),
	"average_pool": row(func(c *cLayer, l *integer.AveragePool) error {
		c.Lo, c.Hi = c.to.Range()
		return nil
	}),
	"concat": row(func(c *cLayer, l *integer.Concat) error {
		c.In2 = l.B
		return nil
	}),
	"lookup": row(func(c *cLayer, l *integer.Lookup) error {
		lo, hi := c.from.Range()
		c.Lo, c.Kernel.H, c.Bits, c.Weights = lo, int(hi)-int(lo)+1, 8, ints(l.Table)
		if len(l.Table) > c.Kernel.H {
			c.Stride.H = c.Kernel.H
		}
		return nil
	}),
	"linear": row(func(*cLayer, *integer.Linear) error { return nil }),
}

// newCLayer returns a layer and its number of weights an output.
func newCLayer(net *integer.Network, l integer.Layer) (c cLayer, row int, err error) {
	c = cLayer{Title: cTitle(l.LayerName()), Kind: strings.ToUpper(l.Kind()), In: l.Inputs()[0], Out: max(l.Output(), 0)}
	c.from, c.to = net.Tensors[c.In], net.Tensors[c.Out]
	if w := net.Weights(l); w != nil {
		row = w.Height * w.Width * w.In
		levels := levelsOf(w.Bits)
		if levels != signs {
			c.Bits = w.Bits
		}
		c.Weights, c.Bias = ints(levels.pack(transpose(w.Codes, 1, row, w.Out))), w.Bias
	}
	m, err := l.Dyadic(net)
	for _, v := range m {
		c.Multiplier, c.Shift = append(c.Multiplier, v.M), append(c.Shift, int(v.Shift))
	}
	if err == nil {
		err = cKinds.write(&c, l)
	}
	return c, row, err
}

func ints(bytes []byte) []int {
	out := make([]int, len(bytes))
	for i, b := range bytes {
		out[i] = int(b)
	}
	return out
}

// cNumbers writes an array's values in lines.
func cNumbers[T int | int32](values []T) string {
	var b strings.Builder
	for i, v := range values {
		switch {
		case i%16 == 0 && i > 0:
			b.WriteString("\n    ")
		case i%16 == 0:
			b.WriteString("    ")
		default:
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d,", v)
	}
	return b.String()
}

// cTitle is a name that can stand in a comment.
func cTitle(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" ._-", r) {
			return r
		}
		return '_'
	}, name)
}

// cString is a string literal with nothing but ASCII, and without trigraphs.
func cString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || strings.IndexByte(`"\?`, c) >= 0 {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}
