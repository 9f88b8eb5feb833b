package layers

import (
	"fmt"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/quantize"
)

// layer is a node of the network with its arrays and quantizers; what it has none of is nil.
type layer struct {
	networks.Node
	in     []networks.Shape
	out    networks.Shape
	arrays []*Array // in the order of the operation's
	norm   *BatchNorm
	rprelu *RPReLU
	last   bool // it gives the logits
	clock  *clock

	weights *Quantizer
	input   *Quantizer // of what it alone reads
	output  *Quantizer // of what it gives
}

// weight and bias are the arrays of a layer with weights; bias may be nil.
func (l *layer) weight() *Array { return l.array("weight") }
func (l *layer) bias() *Array   { return l.array("bias") }

func (l *layer) array(what string) *Array {
	for _, a := range l.arrays {
		if a.Name == l.Name+"."+what {
			return a
		}
	}
	return nil
}

// newLayers returns the nodes of a network with their arrays at their starts, but for random ones.
func newLayers(net *networks.Network) ([]*layer, error) {
	shapes, err := net.Shapes()
	if err != nil {
		return nil, err
	}
	var all []*layer
	flat := flattened(net, shapes)
	for i, node := range net.Nodes {
		l := &layer{Node: node, out: shapes[node.Name], last: i == len(net.Nodes)-1}
		for _, from := range node.Inputs {
			l.in = append(l.in, shapes[from])
		}
		for _, a := range node.Op.Arrays(l.in) {
			l.add(a, flat[node.Inputs[0]])
		}
		if k := kinds[node.Op.Kind()]; k.hold != nil {
			k.hold(l)
		}
		all = append(all, l)
	}
	return all, nil
}

// flattened returns of how many pixels the channels are that a node gives, for nodes behind a flattening.
func flattened(net *networks.Network, shapes map[string]networks.Shape) map[string]int {
	pixels := map[string]int{}
	for _, node := range net.Nodes {
		from := node.Inputs[0]
		in, out := shapes[from], shapes[node.Name]
		if _, ok := node.Op.(networks.Flatten); ok {
			pixels[node.Name] = max(in.H*in.W, pixels[from])
		} else if !node.Op.Weighted() && in == out {
			pixels[node.Name] = pixels[from]
		}
	}
	return pixels
}

// conv is the layer as a convolution: a linear layer is one of 1x1 pixels, unless it gives the logits.
func (l *layer) conv() (op networks.Conv, ok bool) {
	switch op := l.Op.(type) {
	case networks.Conv:
		return op, true
	case networks.Linear:
		return networks.Conv{Out: op.Out, Window: networks.Square(1, 1, 0), Bias: !op.NoBias}, !l.last
	}
	return op, false
}

// add gives the layer an array; what it reads are the channels of so many pixels, flattened.
func (l *layer) add(a networks.Array, pixels int) {
	shape := a.Shape
	_, linear := l.Op.(networks.Linear)
	matrix := linear && !l.last && len(shape) == 2
	if matrix {
		shape = append([]int{1, 1}, shape...)
	}
	made := newArray(l.Name+"."+a.Name, Learned, shape...)
	if made.matrix = matrix; a.Group == networks.WeightsGroup || !l.Op.Weighted() {
		made.pixels = pixels
	}
	made.Group, made.Running, made.Optional, made.start = a.Group, a.Running, a.Optional, a.Start
	if a.Running {
		made.Role = Updated
	}
	if v := map[networks.Start]float32{networks.Ones: 1, networks.Quarter: 0.25}[a.Start]; v != 0 {
		for i := range made.Data() {
			made.Data()[i] = v
		}
	}
	l.arrays = append(l.arrays, made)
}

// quantizer gives the layer the quantizer of a site.
func (l *layer) quantizer(s quantize.Site) (q *Quantizer, err error) {
	switch s.Role {
	case quantize.Weights:
		q, err = newWeightQuantizer(l.weight(), s.Spec)
		l.weights = q
	case quantize.Input:
		q, err = newActivationQuantizer(s.Name, s.Spec, s.Signed, s.Channels)
		l.input = q
	case quantize.Output:
		q, err = newActivationQuantizer(s.Name, s.Spec, s.Signed, s.Channels)
		l.output = q
	default:
		return nil, fmt.Errorf("%s: a quantizer of role %d is not built", s.Name, s.Role)
	}
	if err == nil {
		q.fixed = s.Picture
	}
	return q, err
}
