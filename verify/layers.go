package verify

import (
	"fmt"
	"math"
	"reflect"

	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/onnxruntime"
)

// traces compare the codes of all tensors.
type traces struct {
	net   *integer.Network
	model *export.ONNXModel
	steps []LayerSteps
	order []int // tensor of each entry of steps
}

func newTraces(net *integer.Network, model *export.ONNXModel) *traces {
	t := &traces{net: net, model: model, order: []int{0}, steps: []LayerSteps{{Layer: "input", Steps: Steps{}}}}
	for _, l := range net.Layers {
		if l.Output() >= 0 {
			t.order = append(t.order, l.Output())
			t.steps = append(t.steps, LayerSteps{Layer: l.LayerName(), Steps: Steps{}})
		}
	}
	return t
}

// add compares the n images that the tracer ran last.
func (t *traces) add(tracer *integer.Runner, out map[string]onnxruntime.Output, n int) error {
	for i, tensor := range t.order {
		info, name := t.net.Tensors[tensor], t.model.Values[tensor]
		want := export.Planes(tracer.Codes(tensor, n), n, info.C)
		got := out[name]
		if len(got.Codes)+len(got.Floats) != len(want) {
			return fmt.Errorf("output %s has %d values, want %d", name, len(got.Codes)+len(got.Floats), len(want))
		}
		s := &t.steps[i]
		s.Codes += int64(len(want))
		var counts [Most + 1]int64
		if t.model.Codes {
			for j, v := range got.Codes {
				d := int(v) - int(want[j])
				counts[max(d, -d)]++
			}
		} else {
			for j, v := range got.Floats {
				code := math.RoundToEven(float64(v)/float64(info.Scale)) + float64(info.ZeroPoint)
				d := math.Abs(code - float64(want[j]))
				if math.IsNaN(d) {
					return fmt.Errorf("value %d of output %s is %g, want a finite number", j, name, v)
				}
				counts[int(min(d, Most))]++
			}
		}
		for d, count := range counts {
			if count > 0 {
				s.Steps[d] += count
			}
		}
	}
	return nil
}

// sameNetwork checks that a file of safetensors holds the network.
func sameNetwork(file string, net *integer.Network) error {
	got, err := export.Read(file)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, net) {
		return fmt.Errorf("%s: what was read is not the network that was written", file)
	}
	return nil
}
