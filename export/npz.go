package export

import (
	"archive/zip"
	"bytes"
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/npy"
	"github.com/qat-go/qat/internal/safetensors"
)

// npzFormat is NumPy's archive: a ZIP file with an array in each entry, not
// compressed (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
// Weights are int8 and not packed.
var npzFormat = format{
	name: configs.NPZ, extension: "npz",
	kinds: func() []string { return sortedKeys(npzKinds) },
	write: func(path string, net *integer.Network, _ Options) error {
		data, err := npz(net)
		if err != nil {
			return err
		}
		return atomicfile.WriteBytes(path, data)
	},
}

// archive is an .npz in the making. The first error stays.
type archive struct {
	net   *integer.Network
	data  bytes.Buffer
	zip   *zip.Writer
	names map[string]bool
	err   error
}

// npyTypes are NumPy's names of element types.
var npyTypes = map[safetensors.Dtype]string{safetensors.U8: "|u1", safetensors.I8: "|i1", safetensors.I32: "<i4", safetensors.F32: "<f4"}

// array adds an array as name.npy.
func array[T safetensors.Element](a *archive, name string, shape []int, values []T) {
	if a.err != nil {
		return
	}
	if a.names[name] {
		a.err = fmt.Errorf("two arrays would be called %q", name)
		return
	}
	a.names[name] = true
	t := safetensors.NewTensor(name, shape, values)
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
	if err == nil {
		_, err = w.Write(npy.Header(npyTypes[t.Dtype], shape...))
	}
	if err == nil {
		_, err = w.Write(t.Data)
	}
	a.err = err
}

// npz returns the archive of a network that passes check.
func npz(net *integer.Network) ([]byte, error) {
	f, err := encode(net) // for its manifest, the same in both formats
	if err != nil {
		return nil, err
	}
	manifest, err := f.Get(manifestName)
	if err != nil {
		return nil, err
	}
	a := &archive{net: net, names: map[string]bool{}}
	a.zip = zip.NewWriter(&a.data)
	array(a, manifestName, manifest.Shape, manifest.Data)
	array(a, "mean", []int{len(net.Mean)}, net.Mean)
	array(a, "std", []int{len(net.Std)}, net.Std)
	scales, zeroPoints := make([]float32, len(net.Tensors)), make([]uint8, len(net.Tensors))
	for i, t := range net.Tensors {
		scales[i], zeroPoints[i] = t.Scale, t.ZeroPoint
	}
	array(a, "tensors.scale", []int{len(scales)}, scales)
	array(a, "tensors.zero_point", []int{len(zeroPoints)}, zeroPoints)
	for _, l := range net.Layers {
		if err := npzKinds.write(a, l); err != nil {
			return nil, err
		}
	}
	if net.Target == integer.Dyadic {
		if err := a.multipliers(); err != nil {
			return nil, err
		}
	}
	if a.err == nil {
		a.err = a.zip.SetComment(digest.Key + " " + digest.Placeholder)
	}
	if err := a.zip.Close(); a.err == nil {
		a.err = err
	}
	if a.err == nil {
		a.err = digest.Seal(textMarker, a.data.Bytes())
	}
	return a.data.Bytes(), a.err
}

// npzKinds adds what a layer holds with both targets, and the multipliers of float32 that follow from scales.
var npzKinds = table[*archive]{
	"conv": row(func(a *archive, l *integer.Conv) error {
		a.weighted(l)
		a.multiplier(l, l.Multipliers(a.net)...)
		return nil
	}),
	"requantize": nothing,
	"add":        nothing,
	"shortcut":   nothing,
	"max_pool":   nothing,
	"concat":     nothing,
	"lookup": row(func(a *archive, l *integer.Lookup) error {
		array(a, l.Name+".table", []int{l.Tables(a.net), l.Codes(a.net)}, l.Table)
		return nil
	}),
	"average_pool": row(func(a *archive, l *integer.AveragePool) error {
		a.multiplier(l, l.Multiplier(a.net))
		return nil
	}),
	"average_window": row(func(a *archive, l *integer.AverageWindow) error {
		a.multiplier(l, l.Multipliers(a.net)...)
		return nil
	}),
	"linear": row(func(a *archive, l *integer.Linear) error {
		a.weighted(l)
		return nil
	}),
}

// nothing is for layers that the manifest says all of.
func nothing(*archive, integer.Layer) error { return nil }

func (a *archive) weighted(l integer.Layer) {
	w := a.net.Weights(l)
	array(a, l.LayerName()+".weight", []int{w.Out, w.In, w.Height, w.Width}, outputsFirst(w))
	array(a, l.LayerName()+".bias", []int{w.Out}, w.Bias)
	array(a, l.LayerName()+".scale", []int{w.Out}, w.Scale)
}

func (a *archive) multiplier(l integer.Layer, m ...float32) {
	if a.net.Target == integer.Float32 {
		array(a, l.LayerName()+".multiplier", []int{len(m)}, m)
	}
}

// multipliers adds those of the target dyadic: NAME.multiplier and NAME.shift.
func (a *archive) multipliers() error {
	for _, l := range a.net.Layers {
		multipliers, err := l.Dyadic(a.net)
		if err != nil {
			return err
		}
		if len(multipliers) == 0 {
			continue
		}
		m, shift := make([]int32, len(multipliers)), make([]uint8, len(multipliers))
		for i, v := range multipliers {
			m[i], shift[i] = v.M, v.Shift
		}
		array(a, l.LayerName()+".multiplier", []int{len(m)}, m)
		array(a, l.LayerName()+".shift", []int{len(m)}, shift)
	}
	return nil
}
