package networks

// Row is what a node with weights costs, with the nodes after it that hold arrays too, as batch norm does.
type Row struct {
	Name    string
	Kind    Kind
	Op      Op
	In, Out Shape
	Weights int   // elements of its kernel
	Params  int   // what it learns, with what follows
	MACs    int64 // of one example
	// Extra counts what it and the nodes that follow learn beside kernels, biases and batch norm, which a deployed network
	// keeps: RPReLU's parameters.
	Extra int
}

// BitOps are the bit operations of one example, MACs times the bits of both operands.
func (r Row) BitOps(weightBits, inputBits int) int64 {
	return r.MACs * int64(weightBits) * int64(inputBits)
}

// SizeBits is what the layer takes when it is deployed: its weights, 32 bits for each bias and each scale, one or more an
// output channel, since batch norm folds into one of each, and 32 for what else it keeps.
func (r Row) SizeBits(weightBits, scales int) int64 {
	return int64(r.Weights)*int64(weightBits) + 32*int64(r.Out.C) + 32*int64(max(scales, r.Out.C)) + 32*int64(r.Extra)
}

// Table lists the nodes with weights, in order, and what they cost.
func (n *Network) Table() ([]Row, error) {
	shapes, err := n.Shapes()
	if err != nil {
		return nil, err
	}
	var rows []Row
	before := 0 // parameters ahead of the first weights
	for _, node := range n.Nodes {
		in, _ := node.inputs(shapes)
		learned, kernel, extra := 0, 0, 0
		for _, a := range node.Op.Arrays(in) {
			switch {
			case a.Running:
				continue
			case a.Group == WeightsGroup:
				kernel += a.Len()
			case a.Group != BiasGroup && !a.Folds:
				extra += a.Len()
			}
			learned += a.Len()
		}
		if node.Op.Weighted() {
			rows = append(rows, Row{Name: node.Name, Kind: node.Op.Kind(), Op: node.Op, In: in[0], Out: shapes[node.Name], Weights: kernel, MACs: node.Op.MACs(in)})
			learned, before = learned+before, 0
		}
		if len(rows) == 0 {
			before += learned
			continue
		}
		rows[len(rows)-1].Params += learned
		rows[len(rows)-1].Extra += extra
	}
	return rows, nil
}
