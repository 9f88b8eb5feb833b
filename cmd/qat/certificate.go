package main

import (
	"encoding/json"
	"io"
	"strconv"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/verify"
)

// printCertificate prints a certificate in short and writes it to path.
func printCertificate(w io.Writer, c *verify.Certificate, path string) error {
	err := atomicfile.Write(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(c)
	})
	if err != nil {
		return err
	}
	t := newTable(w)
	t.row("NETWORK", "TOP-1", "OTHER PREDICTIONS", "OTHER LOGITS", "IN STEPS", "OTHER CODES", "CONVOLUTIONS", "PICTURES/S")
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
	for _, what := range c.NotChecked {
		t.row("not checked", what)
	}
	t.row(c.Dataset, strconv.Itoa(c.Images)+" test pictures")
	t.row("certificate", path)
	return t.flush()
}
