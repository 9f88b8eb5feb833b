package export

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/networks"
)

// cFormat is C99: a header, and a program beside it that holds the network and runs it in integers alone, without malloc.
var cFormat = format{
	name: configs.C, extension: "h",
	kinds: func() []string { return sortedKeys(cKinds) },
	write: func(path string, net *integer.Network, o Options) error {
		if err := checkC(path, net, o); err != nil {
			return err
		}
		m, err := newCModel(net)
		if err != nil {
			return err
		}
		header, err := m.render(cHeader, o.Prefix)
		if err != nil {
			return err
		}
		program, err := m.render(strings.Replace(cProgram, cInclude, "#include "+cString(filepath.Base(path))+"\n"+cTables, 1), o.Prefix)
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(path, header); err != nil {
			return err
		}
		return atomicfile.WriteBytes(cProgramPath(path), program)
	},
	files: func(path string) []string { return []string{path, cProgramPath(path)} },
}

// ErrHeaderName reports a path for C that is no header's.
var ErrHeaderName = errors.New("a C header's name ends in .h; the program beside it gets .c")

// ErrPrefix reports a prefix that names in C cannot have.
var ErrPrefix = errors.New("want small letters, digits and _, a letter first")

// MaxCWeights is the most weights of a network in C. They are arrays in its source, of which GCC 12 takes 1.6 s and 120 MB of
// memory for each million, and microcontrollers have no flash for more.
const MaxCWeights = 5_000_000

// checkC reports what keeps a network from being written in C.
func checkC(path string, net *integer.Network, o Options) error {
	if filepath.Ext(path) != ".h" {
		return ErrHeaderName
	}
	if o.Prefix != "" && !cName.MatchString(o.Prefix) {
		return fmt.Errorf("prefix %q of names in C: %w", o.Prefix, ErrPrefix)
	}
	weights := 0
	for _, r := range net.Describe() {
		weights += r.Weights
	}
	return CheckCWeights(weights)
}

// CheckCWeights reports a number of weights that is too large for C.
func CheckCWeights(weights int) error {
	if weights > MaxCWeights {
		return fmt.Errorf("the network has %d weights; C holds at most %d, as arrays in its source: want another format, safetensors, npz or onnx, or a smaller network", weights, MaxCWeights)
	}
	return nil
}

// cName is what names in C may begin with.
var cName = regexp.MustCompile("^[a-z][a-z0-9_]*$")

// textMarker stands before the digits of a digest in a comment.
const textMarker = digest.Key + " " + digest.Scheme

// cProgramPath is the path of the program beside a header.
func cProgramPath(path string) string { return strings.TrimSuffix(path, ".h") + ".c" }

//go:embed csource/model.c
var cProgram string

// cInclude is the line of the program that the header's takes the place of, and the tables.
const cInclude = `#include "model.h"`

//go:embed csource/model.h.tmpl
var cHeader string

//go:embed csource/tables.tmpl
var cTables string

// render fills in a template and gives it a digest. prefix takes the place of qat in names; QAT_NO_MAIN, which a program
// says for all its networks, stays.
func (m *cModel) render(text, prefix string) ([]byte, error) {
	if prefix != "" {
		upper := strings.ToUpper(prefix)
		text = strings.NewReplacer("QAT_NO_MAIN", "QAT_NO_MAIN", "QAT_", upper+"_", "qat_", prefix+"_").Replace(text)
	}
	t, err := template.New("C").Funcs(template.FuncMap{"numbers": func(v any) string {
		if w, ok := v.([]int32); ok {
			return cNumbers(w)
		}
		return cNumbers(v.([]int))
	}}).Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, m); err != nil {
		return nil, err
	}
	return b.Bytes(), digest.Seal(textMarker, b.Bytes())
}

// cModel is what the templates read.
type cModel struct {
	Title   string
	Input   integer.Tensor
	Codes   [][]int // of each channel, of each value of a pixel
	Real    *cReal  // nil: pixels
	Tensors []cTensor
	Layers  []cLayer
	Classes []string // as literals
	Arena   int
	Row     int
	weights int // bytes of all layers
	outputs int // multipliers of all layers
}

// cReal is how the caller makes codes of real numbers.
type cReal struct {
	Mean, Std, Scale string // literals
	Lo, Hi           uint8
}

func newCReal(net *integer.Network) *cReal {
	in := net.Tensors[0]
	r := &cReal{Mean: cFloats(net.Mean[:in.C]), Std: cFloats(net.Std[:in.C]), Scale: cFloats([]float32{in.Scale})}
	r.Lo, r.Hi = in.Range()
	return r
}

// Code is the code that the caller gives, within the range.
func (r *cReal) Code() string {
	code := "pixels[i]"
	if r.Hi < 255 {
		code = "(uint8_t)(pixels[i] > QAT_INPUT_HI ? QAT_INPUT_HI : pixels[i])"
	}
	if r.Lo > 0 {
		code = strings.Replace("(uint8_t)(pixels[i] < QAT_INPUT_LO ? QAT_INPUT_LO : X)", "X", code, 1)
	}
	return code
}

// cFloats writes literals of float32.
func cFloats(values []float32) string {
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf("%.9ef", v))
	}
	return strings.Join(all, ", ")
}

// Image tells that a PPM or PGM file can be what the network takes.
func (m *cModel) Image() bool { return m.Real == nil && m.Input.C <= 3 }

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
	At, First        int // of weights and of multipliers, among those of all layers
	Weights, Shift   []int
	Bias, Multiplier []int32
	net              *integer.Network
	from, to         integer.Tensor // that In and Out are
}

func newCModel(net *integer.Network) (*cModel, error) {
	in := net.Tensors[0]
	m := &cModel{Title: cTitle(net.Name), Input: in}
	if net.Real {
		m.Real = newCReal(net)
	}
	for c := range in.C {
		if net.Real {
			break // the caller has codes
		}
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
		c.At, c.First = m.weights, m.outputs
		m.weights, m.outputs = m.weights+len(c.Weights), m.outputs+len(c.Multiplier)
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
	"average_window": row(func(c *cLayer, l *integer.AverageWindow) error {
		c.Window = l.Window
		c.Lo, c.Hi = c.to.Range()
		rows, columns := l.Counts(c.net)
		c.Bits, c.Weights = 8, append(rows, columns...)
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
	c = cLayer{Title: cTitle(l.LayerName()), Kind: strings.ToUpper(l.Kind()), In: l.Inputs()[0], Out: max(l.Output(), 0), net: net}
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
	if c.Bias == nil {
		c.Bias = make([]int32, len(m))
	}
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
