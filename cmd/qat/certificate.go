package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/verify"
)

// writeCertificate writes a certificate to path.
func writeCertificate(path string, c *verify.Certificate) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(c)
	})
}

// printCertificate prints a certificate in short.
func printCertificate(w io.Writer, c *verify.Certificate, path string) error {
	t := newTable(w, "NETWORK", "TOP-1", "OTHER CLASSES", "OTHER LOGITS", "IN STEPS", "OTHER CODES", "CONVOLUTIONS", "IMAGES/S").
		dropping("OTHER CODES", "IMAGES/S", "IN STEPS", "CONVOLUTIONS", "OTHER LOGITS")
	t.row("integer", percent(c.IntegerTop1), "", "", "", "", "", count(int64(c.ImagesPerSecond)))
	compared := func(name string, x verify.Comparison, more ...any) {
		t.row(append([]any{name, percent(x.Top1), x.DifferentPredictions, x.DifferentLogits, x.Steps.Different()}, more...)...)
	}
	compared("simulation", c.Simulation, "", "", "")
	for _, r := range c.Runs {
		name, convolutions, codes := r.Format+", not optimized", "", int64(0)
		if r.Optimized {
			name = r.Format + ", optimized"
			convolutions = strconv.Itoa(r.OnIntegers) + " of " + strconv.Itoa(r.Convolutions) + " on integers"
		}
		for _, l := range r.Layers {
			codes += l.Steps.Different()
		}
		compared(name, r.Comparison, codes, convolutions, count(int64(r.ImagesPerSecond)))
	}
	if err := t.flush(); err != nil {
		return err
	}
	t = newTable(w)
	for _, s := range c.Saturation {
		t.row("onnx, sums of two", saturation(s))
	}
	if c.Processor != "" {
		t.row("onnxruntime", c.Runtime+" on "+c.Processor)
	}
	for _, what := range c.NotChecked {
		t.row("not checked", what)
	}
	t.row(c.Dataset, strconv.Itoa(c.Images)+" test images")
	t.row("certificate", path)
	return t.flush()
}

// saturation says what sums of two products can reach, and on which processors that matters.
func saturation(s verify.Saturation) string {
	switch {
	case s.Widest == 0:
		return "no INT8 weights: added in 32 bits"
	case s.Widest > s.Limit:
		return fmt.Sprintf("up to %d, beyond the %d of 16 bits: cut off on x86 without VNNI", s.Widest, s.Limit)
	}
	return fmt.Sprintf("up to %d of %d with INT8 weights: they fit 16 bits", s.Widest, s.Limit)
}
