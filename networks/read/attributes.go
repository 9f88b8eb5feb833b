package read

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/syntax"
)

// attribute is one key of an operation. set returns what is wanted instead, or "".
type attribute struct {
	key, doc, def string // def as YAML writes it; "" if it has to be given
	schema        object
	set           func(a *attributes, n *syntax.Node, s scope) string
}

// most bounds sizes, so that what is counted of a network fits into integers.
const most = 1 << 16

const wantSize = "a whole number from 1 to 65536, or the word of one"

var (
	out = attribute{"out", "output channels; `classes` is the number of classes of the data set", "", outSchema, func(a *attributes, n *syntax.Node, s scope) string {
		if a.classes = n.Kind == syntax.String && n.Text == classesWord; a.classes {
			return ""
		}
		return size(&a.out, 1)(n, s, wantSize+", such as classes")
	}}
	kernel = attribute{"kernel", "size of the window: a number, or `[height, width]`", "", pairSchema, func(a *attributes, n *syntax.Node, s scope) string {
		return pair(&a.kernel, n, s)
	}}
	strideOne = attribute{"stride", "step of the window: a number, or `[height, width]`", "1", pairSchema, func(a *attributes, n *syntax.Node, s scope) string {
		return pair(&a.stride, n, s)
	}}
	strideWhole = attribute{"stride", "step", "1", sizeSchema, func(a *attributes, n *syntax.Node, s scope) string {
		return size(&a.stride.H, 1)(n, s, wantSize)
	}}
	strideOfPool = attribute{"stride", "step of the window, as `kernel`, which is the default", "kernel", pairSchema, func(a *attributes, n *syntax.Node, s scope) string {
		if a.kernelIsStrideOf = n.Kind == syntax.String && n.Text == "kernel"; a.kernelIsStrideOf {
			return ""
		}
		return pair(&a.stride, n, s)
	}}
	pad    = attribute{"pad", "pixels around the image: a number, `[top, left, bottom, right]`, or `same`, TensorFlow's", "0", padSchema, setPad}
	groups = attribute{"groups", "runs of channels; as many as input channels make a depthwise convolution", "1", sizeSchema, func(a *attributes, n *syntax.Node, s scope) string {
		return size(&a.groups, 1)(n, s, wantSize)
	}}
	eps      = attribute{"eps", "added to the variance", "1e-5", numberSchema, func(a *attributes, n *syntax.Node, _ scope) string { return number(&a.eps, n) }}
	momentum = attribute{"momentum", "of running statistics", "0.1", numberSchema, func(a *attributes, n *syntax.Node, _ scope) string { return number(&a.momentum, n) }}
	slope    = attribute{"slope", "of negative values", "0.01", numberSchema, func(a *attributes, n *syntax.Node, _ scope) string { return number(&a.slope, n) }}
	rate     = attribute{"rate", "probability", "0.5", numberSchema, func(a *attributes, n *syntax.Node, _ scope) string { return number(&a.rate, n) }}
	realSum  = attribute{"real", "the sum keeps real values: it has no quantizer", "false", booleanSchema, func(a *attributes, n *syntax.Node, _ scope) string { return boolean(&a.real, n) }}
	ceilMode = attribute{"ceil_mode", "one position more where the last would end outside", "false", booleanSchema, func(a *attributes, n *syntax.Node, _ scope) string { return boolean(&a.ceil, n) }}

	countIncludePad = attribute{"count_include_pad", "the padding counts in the mean", "true", booleanSchema, func(a *attributes, n *syntax.Node, _ scope) string { return boolean(&a.countPad, n) }}
)

func biasOf(def string) attribute {
	return attribute{"bias", "a learned bias of each output channel", def, booleanSchema, func(a *attributes, n *syntax.Node, _ scope) string { return boolean(&a.bias, n) }}
}

// startOf is how weights start; def is the kind's own.
func startOf(def networks.Start) attribute {
	doc := "how random weights start: `he` (normal, variance 2/fan-out), `he_uniform` (variance 2/fan-in), `uniform` (within 1/sqrt(fan-in)) or `normal` (standard deviation 0.01)"
	return attribute{"start", doc, string(def), object{"enum": networks.WeightStarts()}, func(a *attributes, n *syntax.Node, _ scope) string {
		start := networks.Start(n.Text)
		if n.Kind != syntax.String || !slices.Contains(networks.WeightStarts(), start) {
			return "he, he_uniform, uniform or normal"
		}
		if a.start = start; start == def {
			a.start = ""
		}
		return ""
	}}
}

// defaults are the attributes of an operation before any is set.
func (o operation) defaults() (a attributes) {
	for _, at := range o.attributes {
		if at.def != "" {
			n := syntax.Parse([]byte(at.def), func(int, int) syntax.Pos { return syntax.Pos{} }, new(syntax.ErrorList))
			if want := at.set(&a, n, scope{}); want != "" {
				panic(fmt.Sprintf("%s: %s; wanted %s", at.key, at.def, want)) // the table is wrong
			}
		}
	}
	if a.stride.W == 0 {
		a.stride.W = a.stride.H
	}
	return a
}

// size reads a whole number from least on, or a word for one.
func size(v *int, least int) func(n *syntax.Node, s scope, want string) string {
	return func(n *syntax.Node, s scope, want string) string {
		text := n.Text
		if n.Kind == syntax.String {
			value, ok := s.values[n.Text]
			if !ok {
				return want + s.suggest(n.Text)
			}
			text = value
		} else if n.Kind != syntax.Int {
			return want
		}
		i, err := strconv.Atoi(text)
		if err != nil || i < least || i > most {
			return want
		}
		*v = i
		return ""
	}
}

// pair reads one number for both axes, or a list of two.
func pair(v *networks.Size, n *syntax.Node, s scope) string {
	want := wantSize + ", or [height, width]"
	if n.Kind == syntax.List {
		return several(n, s, want, 1, &v.H, &v.W)
	}
	why := size(&v.H, 1)(n, s, want)
	v.W = v.H
	return why
}

func setPad(a *attributes, n *syntax.Node, s scope) string {
	const want = "a whole number from 0 to 65536, [top, left, bottom, right], or same"
	p := &a.pad
	if a.same = n.Kind == syntax.String && n.Text == "same"; a.same {
		return ""
	}
	if n.Kind == syntax.List {
		return several(n, s, want, 0, &p.Top, &p.Left, &p.Bottom, &p.Right)
	}
	why := size(&p.Top, 0)(n, s, want)
	*p = networks.Pad{Top: p.Top, Left: p.Top, Bottom: p.Top, Right: p.Top}
	return why
}

// several reads a list of as many numbers.
func several(n *syntax.Node, s scope, want string, least int, values ...*int) string {
	if n.Kind != syntax.List {
		return want
	}
	if len(n.Items) != len(values) {
		return fmt.Sprintf("%s (the list has %d numbers)", want, len(n.Items))
	}
	for i, v := range values {
		if why := size(v, least)(n.Items[i], s, want); why != "" {
			return why
		}
	}
	return ""
}

// number reads a finite number; which ones an operation takes, [networks.Op.Shape] says.
func number(v *float64, n *syntax.Node) string {
	x, err := strconv.ParseFloat(n.Text, 64)
	if n.Kind != syntax.Int && n.Kind != syntax.Float || err != nil || math.IsInf(x, 0) {
		return "a finite number"
	}
	*v = x
	return ""
}

func boolean(v *bool, n *syntax.Node) string {
	if n.Kind != syntax.Bool {
		return "true or false"
	}
	*v = n.Text == "true"
	return ""
}
