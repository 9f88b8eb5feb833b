package train

import (
	"errors"
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
)

// Exported is the network in one format. A format that cannot have export.target computes
// with a target of its own.
type Exported struct {
	Format configs.Format `json:"format"`
	Files  []string       `json:"files"`
	Target string         `json:"target"`
	// ExactOn are the processors on which the logits are the integer network's; empty if
	// the processor does not matter.
	ExactOn string `json:"exact_on,omitempty"`
	// Test is the accuracy of the integer network with this target; nil if it was not
	// measured.
	Test *float64 `json:"test_top1,omitempty"`
	// Footprint is that of the format c.
	Footprint *export.Footprint `json:"footprint,omitempty"`
}

// NewExported describes the export of a format at path.
func NewExported(path string, format configs.Format, target configs.Target, options export.Options) Exported {
	return Exported{Format: format, Files: export.Files(path, format), Target: string(target), ExactOn: export.ExactOn(format, options)}
}

// PlanExport checks that the network can be written in a format to path, and returns the export and the network with its
// target: preferred, if the format has it.
func PlanExport(net *integer.Network, path string, format configs.Format, preferred configs.Target, options export.Options) (Exported, *integer.Network, error) {
	target := format.TargetFor(preferred)
	of, err := Retarget(net, target)
	if err == nil {
		err = export.Check(path, format, of, options)
	}
	if err != nil {
		return Exported{}, nil, err
	}
	e := NewExported(path, format, target, options)
	if format == configs.C {
		f, err := export.NewFootprint(of)
		if err != nil {
			return Exported{}, nil, err
		}
		e.Footprint = &f
	}
	return e, of, nil
}

// Retarget returns the network with another arithmetic.
func Retarget(net *integer.Network, target configs.Target) (*integer.Network, error) {
	t, err := integer.ParseTarget(string(target))
	if err == nil && net == nil {
		err = net.Check()
	}
	if err != nil || t == net.Target {
		return net, err
	}
	other := *net
	other.Target = t
	if err := other.Check(); err != nil {
		return nil, fmt.Errorf("target %s: %w", target, err)
	}
	return &other, nil
}

// Accuracies evaluates the integer network with the targets of its exports. known is its
// accuracy with its own target.
func Accuracies(net *integer.Network, known *Accuracy, exports []Exported, evaluate func(*integer.Network) (*Accuracy, error)) error {
	if net == nil || known == nil || evaluate == nil {
		return errors.New("accuracies of exports: wanted a network, what is known of it, and a function that evaluates")
	}
	top1 := map[string]*float64{net.Target.String(): &known.Top1}
	for i := range exports {
		e := &exports[i]
		if top1[e.Target] == nil {
			other, err := Retarget(net, configs.Target(e.Target))
			if err != nil {
				return err
			}
			a, err := evaluate(other)
			if err != nil {
				return err
			}
			top1[e.Target] = &a.Top1
		}
		e.Test = top1[e.Target]
	}
	return nil
}

// export writes the formats of the config, after all of them were checked.
func (r *run) export(net *integer.Network) ([]Exported, error) {
	var all []Exported
	var nets []*integer.Network
	options := export.Options{Weights: r.Config.Export.ONNX.Weights, Sums: r.Config.Export.ONNX.Sums}
	for _, format := range r.Config.Export.Formats {
		e, of, err := PlanExport(net, r.path("model."+export.Extension(format)), format, r.Config.Export.Target, options)
		if err != nil {
			return nil, err
		}
		all, nets = append(all, e), append(nets, of)
	}
	for i, e := range all {
		if err := export.Write(e.Files[0], e.Format, nets[i], options); err != nil {
			return nil, err
		}
	}
	return all, nil
}
