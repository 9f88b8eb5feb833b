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
	for _, node := range net.Nodes {
		l := &layer{Node: node, out: shapes[node.Name]}
		for _, from := range node.Inputs {
			l.in = append(l.in, shapes[from])
		}
		for _, a := range node.Op.Arrays(l.in) {
			l.add(a)
		}
		if k := kinds[node.Op.Kind()]; k.hold != nil {
			k.hold(l)
		}
		all = append(all, l)
	}
	return all, nil
}

// add gives the layer an array.
func (l *layer) add(a networks.Array) {
	made := newArray(l.Name+"."+a.Name, Learned, a.Shape...)
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
