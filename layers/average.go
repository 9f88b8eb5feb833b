package layers

import (
	"errors"
	"fmt"
	"slices"
)

// Follow completes the averages in the network's store, which are of the store of m, a network of the same config: what is
// not averaged is copied, scales that derive from weights are taken anew.
func (n *Network) Follow(m *Network) error {
	if n.made() != nil || m.made() != nil {
		return errors.New("there is no network to follow; want one of the same config")
	}
	n.Store.copyFrom(m.Store, slices.DeleteFunc(n.Store.All(), (*Array).Averaged))
	n.clock.step, n.clock.progress = m.clock.step, m.clock.progress
	for _, l := range n.regularized {
		if err := l.rescale(l.weight.Data()); err != nil {
			return fmt.Errorf("%s: %w", l.weight.Name, err)
		}
	}
	return nil
}
