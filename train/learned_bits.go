package train

import (
	"fmt"
	"strings"

	"github.com/qat-go/qat/configs"
)

// bitsFreeze is the step after which bit widths that are learned become whole numbers and stay, one that leaves the network
// some to train; that of the run's end if none are learned, or no longer.
func (r *run) bitsFreeze() int {
	if !r.Net.LearnsBits() {
		return r.st.Total
	}
	at := r.Config.Quant.Target.Freeze.Steps(r.perEpoch(), r.st.Total)
	return max(min(at, r.st.Total-1), r.st.Step)
}

// freezeBits gives the network whole numbers of bits, with which it costs what quant.target says, and goes on over its arrays.
func (r *run) freezeBits() error {
	before, averages := r.Net, r.average
	costs := before.Costs()
	r.learned = before.WholeBits()
	net, err := r.over(before.Store, configs.ScalesKeep)
	if err == nil {
		err = net.TakeBits(before)
	}
	if err != nil {
		return fmt.Errorf("step %d: %w", r.st.Step, err)
	}
	r.Net, r.optimizer = net, r.optimizer.over(&r.Config.Train, net.Store)
	if averages != nil {
		if r.average, err = r.averageOver(averages.Net.Store, configs.ScalesKeep); err != nil {
			return err
		}
	}
	r.st.Bits = r.learned
	now := net.Costs()
	r.opt.Progress.Message("bit widths stay after step %d: %s; size %s, %s as learned; BitOps %s, %s as learned", r.st.Step, bitsText(r.learned),
		configs.ByteText(now.SizeBytes), configs.ByteText(costs.SizeBytes), configs.OpText(now.BitOps), configs.OpText(costs.BitOps))
	return nil
}

// bitsText is "layer1.0.conv1 4/3, ...": of weights and activations.
func bitsText(learned []configs.LayerBits) string {
	var all []string
	for _, l := range learned {
		text := l.Layer
		for i, b := range []int{l.Weights, l.Activations} {
			text += []string{" ", "/"}[i]
			if b == 0 {
				text += "-"
			} else {
				text += fmt.Sprint(b)
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
