package networks

import (
	"fmt"
	"math"
	"reflect"
	"slices"
)

// Input is the name under which nodes read what the network takes.
const Input = "input"

// Shape is the shape of one example: height, width and channels. What has no pixels has height and width 1.
type Shape struct{ H, W, C int }

// Len is the number of elements.
func (s Shape) Len() int { return s.H * s.W * s.C }

// Array is the shape as H, W, C.
func (s Shape) Array() [3]int { return [3]int{s.H, s.W, s.C} }

// String is "32x32x16".
func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.H, s.W, s.C) }

// Node is one operation of a network. Its name is that of the module in PyTorch's implementation, where there is one.
type Node struct {
	Name   string
	Op     Op
	Inputs []string // names of the nodes that it reads, or Input
}

// Network is a list of nodes in order of execution: each reads what stands before it, and any number may read one. The
// last gives the logits.
type Network struct {
	Input Shape
	Nodes []Node
}

// Add appends a node that reads the named ones and returns its name.
func (n *Network) Add(name string, op Op, inputs ...string) string {
	n.Nodes = append(n.Nodes, Node{Name: name, Op: op, Inputs: inputs})
	return name
}

// Node returns the node of that name, nil if there is none.
func (n *Network) Node(name string) *Node {
	for i := range n.Nodes {
		if n.Nodes[i].Name == name {
			return &n.Nodes[i]
		}
	}
	return nil
}

// Readers returns, for each name, the nodes that read it, in order; one that reads it twice stands there twice.
func (n *Network) Readers() map[string][]string {
	readers := map[string][]string{}
	for _, node := range n.Nodes {
		for _, in := range node.Inputs {
			readers[in] = append(readers[in], node.Name)
		}
	}
	return readers
}

// Weighted lists the nodes that hold weights, by which configs name layers, in order.
func (n *Network) Weighted() []Node {
	return slices.DeleteFunc(slices.Clone(n.Nodes), func(node Node) bool { return node.Op == nil || !node.Op.Weighted() })
}

// maxElements is how many elements a tensor of one example, or an array, has at most.
const maxElements = math.MaxInt32

// fits tells that so long axes have 1 to maxElements elements together.
func fits(axes ...int) bool {
	n := 1
	for _, a := range axes {
		if a < 1 || a > maxElements/n {
			return false
		}
		n *= a
	}
	return true
}

// Shapes returns the shape of what each node gives, and of the input, by name. It is an error if a name stands twice or
// is read before it is there, if an operation does not fit what it reads, if the last node's output, or nothing else's, is
// read by none, or if a tensor or an array has more than 2^31-1 elements.
func (n *Network) Shapes() (map[string]Shape, error) {
	if n == nil {
		return nil, fmt.Errorf("there is no network; expected one, of Build or made of nodes")
	}
	if n.Input.H < 1 || n.Input.W < 1 || n.Input.C < 1 {
		return nil, fmt.Errorf("the input is %v; expected positive sizes", n.Input)
	}
	if !fits(n.Input.H, n.Input.W, n.Input.C) {
		return nil, fmt.Errorf("the input is %v; expected at most %d elements", n.Input, maxElements)
	}
	if len(n.Nodes) == 0 {
		return nil, fmt.Errorf("the network has no nodes")
	}
	shapes := map[string]Shape{Input: n.Input}
	for _, node := range n.Nodes {
		if node.Name == "" {
			return nil, fmt.Errorf("a node has no name; expected one, unlike all others")
		}
		if _, ok := shapes[node.Name]; ok {
			return nil, fmt.Errorf("%s: the name stands twice; expected one node of each name", node.Name)
		}
		if node.Op == nil {
			return nil, fmt.Errorf("%s: the node has no operation", node.Name)
		}
		if !listed(node.Op) {
			return nil, fmt.Errorf("%s: the operation is a %T; expected one of the types that Ops lists, not a pointer to it", node.Name, node.Op)
		}
		in, err := node.inputs(shapes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", node.Name, err)
		}
		if shapes[node.Name], err = node.shape(in); err != nil {
			return nil, fmt.Errorf("%s: %w", node.Name, err)
		}
	}
	readers := n.Readers()
	for i, node := range n.Nodes {
		if last := i == len(n.Nodes)-1; last != (len(readers[node.Name]) == 0) {
			return nil, fmt.Errorf("%s: the output of the last node, and of no other, is what no node reads", node.Name)
		}
	}
	return shapes, nil
}

// listed tells that the operation is of a type of Ops.
func listed(op Op) bool {
	return slices.ContainsFunc(Ops(), func(o Op) bool { return reflect.TypeOf(o) == reflect.TypeOf(op) })
}

// shape is that of what the node gives for inputs.
func (n Node) shape(in []Shape) (Shape, error) {
	s, err := n.Op.Shape(in)
	if err != nil {
		return s, err
	}
	if !fits(s.H, s.W, s.C) {
		return s, fmt.Errorf("gives %v; expected at most %d elements", s, maxElements)
	}
	for _, a := range n.Op.Arrays(in) {
		if !fits(a.Shape...) {
			return s, fmt.Errorf("%s has the shape %v; expected at most %d elements", a.Name, a.Shape, maxElements)
		}
	}
	return s, nil
}

// inputs looks up the shapes of what the node reads.
func (n Node) inputs(shapes map[string]Shape) ([]Shape, error) {
	switch want := n.Op.Inputs(); {
	case want == Several && len(n.Inputs) < 2:
		return nil, fmt.Errorf("%s reads %d nodes; expected 2 or more", n.Op.Kind(), len(n.Inputs))
	case want != Several && len(n.Inputs) != want:
		return nil, fmt.Errorf("%s reads %d nodes; expected %d", n.Op.Kind(), len(n.Inputs), want)
	}
	var in []Shape
	for _, name := range n.Inputs {
		s, ok := shapes[name]
		if !ok {
			return nil, fmt.Errorf("reads %q, which no node before it is called", name)
		}
		in = append(in, s)
	}
	return in, nil
}
