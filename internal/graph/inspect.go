package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Node is what a machine needs to know of an operation of ours.
type Node struct{ op *opNode }

// Inspect returns the operation of a node, false if it is not one of ours.
func Inspect(n *G.Node) (Node, bool) {
	o, ok := n.Op().(*opNode)
	return Node{o}, ok
}

// Label names the layer and the operation.
func (n Node) Label() string { return n.op.String() }

// Kind is the operation's name.
func (n Node) Kind() string { return n.op.Name }

// Out is the output's type.
func (n Node) Out() Arg { return n.op.Out }

// Aux lists the auxiliary outputs.
func (n Node) Aux() []Buffer { return n.op.auxSpec }

// BindAux sets the memory of the auxiliary outputs, also for the nodes that
// read them.
func (n Node) BindAux(aux []*tensor.Dense) { n.op.aux = aux }

// Reads tells that the node is the k-th auxiliary output of its child.
func (n Node) Reads() (k int, ok bool) {
	if n.op.proj == nil {
		return 0, false
	}
	return n.op.proj.k, true
}

// InPlace returns the input whose buffer the output may take, or -1.
func (n Node) InPlace() int { return n.op.InPlace - 1 }

// OrderOnly tells that input i is not read.
func (n Node) OrderOnly(i int) bool { return i < len(n.op.OrderOnly) && n.op.OrderOnly[i] }

// Forward computes one call of the operation alone.
func (n Node) Forward(c *Call) error { return n.op.forward(c) }

// In is the type of input i.
func (n Node) In(i int) Arg { return n.op.In[i] }

// Serial tells that the operation runs on one thread, so that others may run
// beside it.
func (n Node) Serial() bool { return n.op.Loop == nil && n.op.Pool == nil }

// Loops tells that the operation is a loop over pictures.
func (n Node) Loops() bool { return n.op.Loop != nil }

// Pixelwise tells that the loop may take a picture in parts.
func (n Node) Pixelwise() bool { return n.op.Pixelwise }

// Loop returns the operation's loop for a call.
func (n Node) Loop(c *Call) Loop { return n.op.Loop(c) }

// Pictures returns the size of the batch that the operation's loop runs over.
func (n Node) Pictures(c *Call) int { return n.op.pictures(c) }

// Work is what a roofline counts of the operation.
func (n Node) Work() Work { return n.op.Work }
