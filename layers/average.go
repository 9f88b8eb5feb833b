package layers

import "fmt"

// Averaged lists the arrays that an average of the network is taken of: what is learned, and the running statistics of
// batch norm. The order is that of every network of the same config.
func (n *Network) Averaged() (arrays [][]float32) {
	for _, p := range n.Learnable() {
		arrays = append(arrays, p.Data())
	}
	for _, b := range n.RunningStatistics() {
		arrays = append(arrays, b.Data)
	}
	return arrays
}

// RunningStatistics lists the means and variances that batch norm has in evaluation.
func (n *Network) RunningStatistics() (buffers []*Buffer) {
	for _, l := range n.layers {
		buffers = append(buffers, l.running...)
	}
	return buffers
}

// Follow completes an average of the network m of the same config: what is not averaged is copied, scales that derive
// from weights are taken anew.
func (n *Network) Follow(m *Network) error {
	learned, running := map[*Param]bool{}, map[*Buffer]bool{}
	for _, p := range n.Learnable() {
		learned[p] = true
	}
	for _, b := range n.RunningStatistics() {
		running[b] = true
	}
	for i, p := range n.Params {
		if !learned[p] {
			copy(p.Data(), m.Params[i].Data())
		}
	}
	for i, b := range n.Buffers {
		if !running[b] {
			copy(b.Data, m.Buffers[i].Data)
		}
	}
	n.clock.step, n.clock.progress = m.clock.step, m.clock.progress
	for _, l := range n.regularized {
		if err := l.rescale(l.weight.Data()); err != nil {
			return fmt.Errorf("%s: %w", l.weight.Name, err)
		}
	}
	return nil
}
