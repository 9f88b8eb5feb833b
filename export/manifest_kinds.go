package export

import "github.com/qat-go/qat/integer"

// manifestKind is how the manifest holds a kind of layer.
type manifestKind struct {
	columns []string                                                 // of its row, after kind and name
	write   func(e *encoder, r *layerRow, l integer.Layer)           // fills the row, but for In and Out
	read    func(d *decoder, r *layerRow) (l integer.Layer, _ error) // for Check to judge
}

// manifestKinds has a row for each kind of layer.
var manifestKinds = map[string]manifestKind{
	"conv": {
		[]string{"input", "output", "kernel", "stride", "padding", "lo", "hi", "weights", "bias_bits"},
		func(e *encoder, r *layerRow, layer integer.Layer) {
			l := layer.(*integer.Conv)
			r.Kernel, r.Stride, r.Padding, _ = l.IsSquare()
			r.Lo, r.Hi = l.Lo, l.Hi
			e.weighted(r, l)
		},
		(*decoder).conv,
	},
	// A convolution that "conv" cannot hold: sizes are height and width, padding is top, left, bottom, right.
	convWindow: {
		[]string{"input", "output", "kernel_size", "strides", "pads", "groups", "lo", "hi", "weights", "bias_bits"},
		func(e *encoder, r *layerRow, layer integer.Layer) {
			l := layer.(*integer.Conv)
			w := r.window()
			w.KernelSize, w.Strides = [2]int{l.Kernel.H, l.Kernel.W}, [2]int{l.Window.Stride.H, l.Window.Stride.W}
			w.Pads, w.Groups = [4]int{l.Pad.Top, l.Pad.Left, l.Pad.Bottom, l.Pad.Right}, max(l.Groups, 1)
			r.Lo, r.Hi = l.Lo, l.Hi
			e.weighted(r, l)
		},
		(*decoder).convWindow,
	},
	"requantize": {
		[]string{"input", "output", "lo", "hi"},
		func(_ *encoder, r *layerRow, layer integer.Layer) {
			l := layer.(*integer.Requantize)
			r.Lo, r.Hi = l.Lo, l.Hi
		},
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.Requantize{Name: r.Name, In: r.In, Out: r.Out, Lo: r.Lo, Hi: r.Hi}, nil
		},
	},
	"add": {
		[]string{"a", "b", "output", "lo", "hi"},
		func(_ *encoder, r *layerRow, layer integer.Layer) {
			l := layer.(*integer.Add)
			r.B, r.Lo, r.Hi = l.B, l.Lo, l.Hi
		},
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.Add{Name: r.Name, A: r.In, B: r.B, Out: r.Out, Lo: r.Lo, Hi: r.Hi}, nil
		},
	},
	"shortcut": {
		[]string{"input", "output", "stride"},
		func(_ *encoder, r *layerRow, layer integer.Layer) { r.Stride = layer.(*integer.Shortcut).Stride },
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.Shortcut{Name: r.Name, In: r.In, Out: r.Out, Stride: r.Stride}, nil
		},
	},
	"max_pool": {
		[]string{"input", "output", "kernel", "stride", "padding"},
		func(_ *encoder, r *layerRow, layer integer.Layer) {
			l := layer.(*integer.MaxPool)
			r.Kernel, r.Stride, r.Padding = l.K, l.Stride, l.Pad
		},
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.MaxPool{Name: r.Name, In: r.In, Out: r.Out, K: r.Kernel, Stride: r.Stride, Pad: r.Padding}, nil
		},
	},
	"average_pool": {
		[]string{"input", "output"},
		func(*encoder, *layerRow, integer.Layer) {},
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.AveragePool{Name: r.Name, In: r.In, Out: r.Out}, nil
		},
	},
	"concat": {
		[]string{"a", "b", "output"},
		func(_ *encoder, r *layerRow, layer integer.Layer) { r.B = layer.(*integer.Concat).B },
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.Concat{Name: r.Name, A: r.In, B: r.B, Out: r.Out}, nil
		},
	},
	"lookup": {
		[]string{"input", "output", "tables"},
		func(e *encoder, r *layerRow, layer integer.Layer) {
			l := layer.(*integer.Lookup)
			r.Tables = l.Tables(e.net)
			e.weights = append(e.weights, l.Table...)
		},
		(*decoder).lookup,
	},
	"linear": {
		[]string{"input", "classes", "weights", "bias_bits"},
		func(e *encoder, r *layerRow, layer integer.Layer) {
			r.Classes = layer.(*integer.Linear).Out
			e.weighted(r, layer)
		},
		(*decoder).linear,
	},
}

const convWindow = "conv_window"

// manifestKindOf is the kind of row that holds a layer.
func manifestKindOf(l integer.Layer) string {
	if c, ok := l.(*integer.Conv); ok {
		if _, _, _, square := c.IsSquare(); !square || c.Groups > 1 {
			return convWindow
		}
	}
	return l.Kind()
}

// tensorsColumns is the key of the columns of tensors.
const tensorsColumns = "tensors"

// columns names the values of a row of Tensors, and of a row of Layers by its kind. A file has those of the kinds in it, so
// that a new kind leaves the files without it as they are.
var columns = allColumns()

func allColumns() map[string][]string {
	all := map[string][]string{tensorsColumns: {"name", "height", "width", "channels", "bits", "range", "scale", "zero_point"}}
	for kind, k := range manifestKinds {
		all[kind] = append([]string{"kind", "name"}, k.columns...)
	}
	return all
}

// layerRow is a layer of any kind, whose columns say which fields count. In, B and Out
// are indexes of tensors.
type layerRow struct {
	Kind, Name              string
	In, B, Out              int
	Kernel, Stride, Padding int
	*windowRow              // of kind convWindow
	Classes                 int
	Lo, Hi                  uint8
	Weights                 levels
	BiasBits                int
	Tables                  int
}

// windowRow is what a row of a convolution with any window has beside.
type windowRow struct {
	KernelSize, Strides [2]int
	Pads                [4]int
	Groups              int
}

// window returns it; most rows need none.
func (l *layerRow) window() *windowRow {
	if l.windowRow == nil {
		l.windowRow = &windowRow{}
	}
	return l.windowRow
}

// layerFields has the field of each column.
var layerFields = map[string]func(*layerRow) any{
	"kind": func(l *layerRow) any { return &l.Kind }, "name": func(l *layerRow) any { return &l.Name },
	"input": func(l *layerRow) any { return &l.In }, "output": func(l *layerRow) any { return &l.Out },
	"a": func(l *layerRow) any { return &l.In }, "b": func(l *layerRow) any { return &l.B },
	"kernel": func(l *layerRow) any { return &l.Kernel }, "stride": func(l *layerRow) any { return &l.Stride },
	"padding": func(l *layerRow) any { return &l.Padding }, "classes": func(l *layerRow) any { return &l.Classes },
	"kernel_size": func(l *layerRow) any { return &l.window().KernelSize }, "strides": func(l *layerRow) any { return &l.window().Strides },
	"pads": func(l *layerRow) any { return &l.window().Pads }, "groups": func(l *layerRow) any { return &l.window().Groups },
	"lo": func(l *layerRow) any { return &l.Lo }, "hi": func(l *layerRow) any { return &l.Hi },
	"weights": func(l *layerRow) any { return &l.Weights }, "bias_bits": func(l *layerRow) any { return &l.BiasBits },
	"tables": func(l *layerRow) any { return &l.Tables },
}

// fields returns pointers to the values of a row.
func (l *layerRow) fields() []any {
	fields := make([]any, len(columns[l.Kind]))
	for i, name := range columns[l.Kind] {
		fields[i] = layerFields[name](l)
	}
	return fields
}
