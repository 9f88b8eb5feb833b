package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qat-go/qat/train"
)

// A line that fills the terminal breaks, and each step would leave one behind.
func TestProgressFitsTheTerminal(t *testing.T) {
	for _, width := range []int{20, 40, 80, 110, 200} {
		for _, s := range []train.StepInfo{
			{Step: 7, Epoch: 1, Images: 128, MeanLoss: 0.25, Accuracy: 0.5, ImagesPerSecond: 990},
			{Step: 151234, Epoch: 388, Images: 128, MeanLoss: 12.25, Accuracy: 1, ImagesPerSecond: 10300},
		} {
			var out bytes.Buffer
			p := &progress{w: &out, width: width}
			p.Start(0, 156000, 390)
			p.Step(s)
			shown := false
			for _, line := range strings.Split(out.String(), "\r") {
				shown = shown || strings.Contains(line, "step")
				if n := utf8.RuneCountInString(line); n >= width {
					t.Errorf("%d columns: %d in %q", width, n, line)
				}
			}
			if !shown && width >= 40 {
				t.Errorf("%d columns: no step in %q", width, out.String())
			}
		}
	}
}
