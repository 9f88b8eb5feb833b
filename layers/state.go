package layers

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/networks"
)

// Written lists the arrays that operations may write while they compute: all but the weights.
func (n *Network) Written() (arrays [][]float32) {
	for _, p := range n.Params {
		if p.Group != networks.WeightsGroup {
			arrays = append(arrays, p.Data())
		}
	}
	for _, b := range n.Buffers {
		arrays = append(arrays, b.Data)
	}
	return arrays
}

// CheckState verifies values that come from a file: everything finite,
// variances not negative, scales not negative, zero points within uint8.
func (n *Network) CheckState() error {
	finite := func(name string, data []float32, lo, hi float64) error {
		for i, v := range data {
			if x := float64(v); !(x >= lo && x <= hi) {
				return fmt.Errorf("%s[%d] is %g, want a value from %g to %g", name, i, v, lo, hi)
			}
		}
		return nil
	}
	scale, zero := map[*Param]bool{}, map[*Buffer]bool{}
	for _, q := range n.Quantizers {
		scale[q.Scale], zero[q.ZeroPoint] = true, true
	}
	for _, p := range n.Params {
		lo := -math.MaxFloat32
		if scale[p] {
			lo = 0 // not calibrated yet
		}
		if err := finite(p.Name, p.Data(), lo, math.MaxFloat32); err != nil {
			return err
		}
	}
	variance := map[*Buffer]bool{}
	for _, norm := range n.norms() {
		variance[norm.Var] = true
	}
	for _, b := range n.Buffers {
		lo, hi := -math.MaxFloat32, math.MaxFloat32
		switch {
		case zero[b]:
			lo, hi = 0, 255
		case variance[b]:
			lo = 0
		}
		if err := finite(b.Name, b.Data, lo, hi); err != nil {
			return err
		}
	}
	return nil
}
