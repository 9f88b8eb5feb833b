package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/networks"
)

// BatchNorm normalizes each channel (Ioffe and Szegedy 2015).
type BatchNorm struct {
	Name        string
	Gamma, Beta *Param
	Mean, Var   *Buffer
	Momentum    float64
	Eps         float64
	frozen      bool // see Network.FreezeBatchNorm
}

// normed is a batch norm of z with the statistics of a batch, (2, C).
type normed struct {
	*BatchNorm
	z, stats *G.Node
}

func holdBatchNorm(l *layer) {
	op := l.Op.(networks.BatchNorm)
	l.norm = &BatchNorm{Name: l.Name, Gamma: l.params[0], Beta: l.params[1], Mean: l.running[0], Var: l.running[1], Momentum: op.Momentum, Eps: op.Eps}
}

// planBatchNorm adds two steps in training, statistics and what they are for.
func planBatchNorm(p *plan, l *layer, in []*step) *step {
	if !p.c.Train {
		return p.add(l.Name, runningNormOp{l.norm}, in...)
	}
	return p.add(l.Name, batchNormOp{l.norm}, in[0], p.add(l.Name, statisticsOp{l.norm}, in...))
}

// statisticsOp is what a batch norm in training takes from a batch.
type statisticsOp struct{ norm *BatchNorm }

func (o statisticsOp) emit(c *Context, s *step) Value {
	return Value{float: o.norm.statistics(c, s.in[0].out.Float(c))}
}

// batchNormOp is batch norm in training; it reads its input and the statistics.
type batchNormOp struct{ norm *BatchNorm }

func (o batchNormOp) emit(c *Context, s *step) Value { return Value{float: o.normed(c, s.in).apply(c)} }

// normed is the batch norm of what a step reads, input and statistics first.
func (o batchNormOp) normed(c *Context, in []*step) *normed {
	return &normed{o.norm, in[0].out.Float(c), in[1].out.Float(c)}
}

// runningNormOp is batch norm in evaluation, on floats.
type runningNormOp struct{ norm *BatchNorm }

func (o runningNormOp) emit(c *Context, s *step) Value {
	return Value{float: o.norm.batchNormEval(c, s.in[0].out.Float(c))}
}
