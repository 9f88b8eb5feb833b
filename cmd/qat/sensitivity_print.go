package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/qat-go/qat/sensitivity"
)

// lossOf says what the losses of a table are, how they are written, and in what their errors are, which are 0 of what is exact.
var lossOf = map[string]struct {
	of       string
	value    func(sensitivity.Loss) string
	err      func(sensitivity.Loss) float64
	errValue func(float64) string
}{
	string(sensitivity.Hessian): {"trace of the Hessian/n x squared error",
		func(l sensitivity.Loss) string { return threeDigits(l.Value) },
		func(l sensitivity.Loss) float64 { return l.StdErr / math.Abs(l.Value) }, share},
	string(sensitivity.Perturb): {"growth of the loss",
		func(l sensitivity.Loss) string { return threeDigits(l.Value) },
		func(l sensitivity.Loss) float64 { return l.StdErr }, threeDigits},
	sensitivity.Accuracy: {"points of top-1 accuracy lost",
		func(l sensitivity.Loss) string { return twoDecimals(100 * l.Value) },
		func(l sensitivity.Loss) float64 { return 100 * l.StdErr }, twoDecimals},
	string(sensitivity.Scales): {"scale that LSQ learns",
		func(l sensitivity.Loss) string { return threeDigits(l.Value) }, nil, nil},
	string(sensitivity.SQNR): {"signal to quantization noise ratio in dB",
		func(l sensitivity.Loss) string { return oneDecimal(sensitivity.Decibels(l.Value)) },
		func(l sensitivity.Loss) float64 {
			return sensitivity.Decibels(l.Value) - sensitivity.Decibels(l.Value+l.StdErr)
		}, oneDecimal},
}

func oneDecimal(v float64) string  { return strconv.FormatFloat(v, 'f', 1, 64) }
func twoDecimals(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func threeDigits(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

func printSensitivity(w io.Writer, r *sensitivity.Report) error {
	t := newTable(w)
	t.row("images", fmt.Sprintf("%d %s images; levels of activations from %d training images", r.Images, r.Split, r.Calibration))
	t.row("float network", fmt.Sprintf("loss %.4f, top-1 %s", r.Loss, percent(r.Top1)))
	if err := t.flush(); err != nil {
		return err
	}
	if err := printTraces(w, r); err != nil {
		return err
	}
	for _, table := range r.Tables {
		err := errors.Join(
			printLosses(w, table, "weights", func(l sensitivity.Layer) []sensitivity.Loss { return l.Weights }),
			printLosses(w, table, "activations", func(l sensitivity.Layer) []sensitivity.Loss { return l.Activations }))
		if err != nil {
			return err
		}
	}
	return nil
}

// share is an error as a part of what it is of.
func share(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }

func printTraces(w io.Writer, r *sensitivity.Report) error {
	if len(r.Traces) == 0 {
		return nil
	}
	say(w, "")
	say(w, "trace of the Hessian, %d samples: of the weights, and of what a layer reads", r.Samples)
	t := newTable(w, "LAYER", "WEIGHTS", "±", "ELEMENTS", "ACTIVATIONS", "±", "ELEMENTS")
	for _, l := range r.Traces {
		t.row(l.Name, threeDigits(l.Weights.Trace), share(l.Weights.Relative()), l.Weights.Elements,
			threeDigits(l.Activations.Trace), share(l.Activations.Relative()), l.Activations.Elements)
	}
	return t.flush()
}

func printLosses(w io.Writer, table sensitivity.Table, what string, of func(sensitivity.Layer) []sensitivity.Loss) error {
	say(w, "")
	losses := lossOf[table.Method]
	say(w, "%s, %s at so many bits: %s", table.Method, what, losses.of)
	heading := []string{"LAYER"}
	for _, l := range of(table.Layers[0]) {
		heading = append(heading, strconv.Itoa(l.Bits))
	}
	inexact := func(l sensitivity.Loss) bool { return l.StdErr > 0 }
	exact := !slices.ContainsFunc(table.Layers, func(l sensitivity.Layer) bool { return slices.ContainsFunc(of(l), inexact) })
	if !exact {
		heading = append(heading, "± UP TO")
	}
	t := newTable(w, heading...).dropping("± UP TO")
	for _, l := range table.Layers {
		row, worst := []any{l.Name}, 0.0
		for _, x := range of(l) {
			row = append(row, losses.value(x))
			if inexact(x) {
				worst = max(worst, losses.err(x))
			}
		}
		if !exact {
			row = append(row, losses.errValue(worst))
		}
		t.row(row...)
	}
	return t.flush()
}
