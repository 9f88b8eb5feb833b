package export

import (
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
)

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
			r.setWindow(l.Window)
			r.Groups, r.Lo, r.Hi = max(l.Groups, 1), l.Lo, l.Hi
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
			r.Kernel, r.Stride, r.Padding, _ = layer.(*integer.MaxPool).IsSquare()
		},
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.MaxPool{Name: r.Name, In: r.In, Out: r.Out, Window: networks.Square(r.Kernel, r.Stride, r.Padding)}, nil
		},
	},
	// Max pooling that "max_pool" cannot hold, in the columns of convWindow.
	maxPoolWindow: {
		[]string{"input", "output", "kernel_size", "strides", "pads"},
		func(_ *encoder, r *layerRow, layer integer.Layer) { r.setWindow(layer.(*integer.MaxPool).Window) },
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.MaxPool{Name: r.Name, In: r.In, Out: r.Out, Window: r.anyWindow()}, nil
		},
	},
	"average_pool": {
		[]string{"input", "output"},
		func(*encoder, *layerRow, integer.Layer) {},
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.AveragePool{Name: r.Name, In: r.In, Out: r.Out}, nil
		},
	},
	"average_window": {
		[]string{"input", "output", "kernel_size", "strides", "pads", "count_pad"},
		func(_ *encoder, r *layerRow, layer integer.Layer) {
			l := layer.(*integer.AverageWindow)
			r.setWindow(l.Window)
			r.CountPad = l.CountPad
		},
		func(_ *decoder, r *layerRow) (integer.Layer, error) {
			return &integer.AverageWindow{Name: r.Name, In: r.In, Out: r.Out, Window: r.anyWindow(), CountPad: r.window().CountPad}, nil
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

const (
	convWindow    = "conv_window"
	maxPoolWindow = "max_pool_window"
)

// manifestKindOf is the kind of row that holds a layer.
func manifestKindOf(l integer.Layer) string {
	switch l := l.(type) {
	case *integer.Conv:
		if _, _, _, square := l.IsSquare(); !square || l.Groups > 1 {
			return convWindow
		}
	case *integer.MaxPool:
		if _, _, _, square := l.IsSquare(); !square {
			return maxPoolWindow
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
	*windowRow              // of kinds with any window
	Classes                 int
	Lo, Hi                  uint8
	Weights                 levels
	BiasBits                int
	Tables                  int
}

// windowRow is what a row of a layer with any window has beside.
type windowRow struct {
	KernelSize, Strides [2]int
	Pads                [4]int
	Groups              int
	CountPad            bool
}

// window returns it; most rows need none.
func (l *layerRow) window() *windowRow {
	if l.windowRow == nil {
		l.windowRow = &windowRow{}
	}
	return l.windowRow
}

func (l *layerRow) setWindow(w networks.Window) {
	r := l.window()
	r.KernelSize, r.Strides = [2]int{w.Kernel.H, w.Kernel.W}, [2]int{w.Stride.H, w.Stride.W}
	r.Pads = [4]int{w.Pad.Top, w.Pad.Left, w.Pad.Bottom, w.Pad.Right}
}

func (l *layerRow) anyWindow() networks.Window {
	r := l.window()
	return networks.Window{
		Kernel: networks.Size{H: r.KernelSize[0], W: r.KernelSize[1]}, Stride: networks.Size{H: r.Strides[0], W: r.Strides[1]},
		Pad: networks.Pad{Top: r.Pads[0], Left: r.Pads[1], Bottom: r.Pads[2], Right: r.Pads[3]},
	}
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
	"count_pad": func(l *layerRow) any { return &l.window().CountPad },
	"lo":        func(l *layerRow) any { return &l.Lo }, "hi": func(l *layerRow) any { return &l.Hi },
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
