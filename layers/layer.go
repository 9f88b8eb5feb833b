package layers

import (
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/quantize"
)

// layer is a node of the network with its arrays and quantizers; what it has none of is nil.
type layer struct {
	networks.Node
	in      []networks.Shape
	out     networks.Shape
	params  []*Param  // in the order of the operation's arrays
	running []*Buffer // likewise
	norm    *BatchNorm
	rprelu  *RPReLU

	weights *Quantizer
	input   *Quantizer // of what it alone reads
	output  *Quantizer // of what it gives
}

// weight and bias are the arrays of a layer with weights; bias may be nil.
func (l *layer) weight() *Param { return l.param("weight") }
func (l *layer) bias() *Param   { return l.param("bias") }

func (l *layer) param(what string) *Param {
	for _, p := range l.params {
		if p.Name == l.Name+"."+what {
			return p
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
		k, ok := kinds[node.Op.Kind()]
		if !ok {
			return nil, fmt.Errorf("%s: an operation of kind %s cannot be trained", node.Name, node.Op.Kind())
		}
		if k.hold != nil {
			k.hold(l)
		}
		all = append(all, l)
	}
	return all, nil
}

// add gives the layer an array.
func (l *layer) add(a networks.Array) {
	var data []float32
	name := l.Name + "." + a.Name
	if a.Running {
		b := &Buffer{Name: name, Data: make([]float32, a.Len())}
		l.running, data = append(l.running, b), b.Data
	} else {
		p := newParam(name, a.Group, a.Shape...)
		p.Optional, p.start = a.Optional, a.Start
		l.params, data = append(l.params, p), p.Data()
	}
	if v := map[networks.Start]float32{networks.Ones: 1, networks.Quarter: 0.25}[a.Start]; v != 0 {
		for i := range data {
			data[i] = v
		}
	}
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

// newWeightQuantizer returns a quantizer with one scale, or one an output
// channel.
func newWeightQuantizer(w *Param, spec configs.TensorSpec) (*Quantizer, error) {
	channels, shape := 1, w.Value.Shape()
	if spec.Granularity == configs.PerChannel {
		channels = shape[len(shape)-1]
	}
	q := newQuantizer(w.Name, spec, true, channels)
	if ownGradient(spec) && (spec.Estimator == configs.LSQ || spec.Estimator == configs.Affine) {
		return q, nil
	}
	size := shape.TotalSize()
	m, err := newMethod(w.Name, spec, configs.Place{Weights: true, Signed: true, Scales: channels, N: q.elements(size, 0, shape[len(shape)-1])}, size)
	q.method, q.Scale.Name = m, w.Name+"_quantizer.step" // parameters may be called scale
	return q, err
}
