package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
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

func evaluating(done int) train.Work {
	return train.Work{Doing: "evaluating", What: "images", Done: done, Total: 200}
}

// An evaluation has a bar of its own, and gives the training's back.
func TestProgressOfEvaluation(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out, width: 80}
	p.work(evaluating(100))
	if p.bar == nil || !strings.Contains(out.String(), "evaluating: 100 of 200 images") {
		t.Errorf("no bar after half: %q", out.String())
	}
	p.work(evaluating(200))
	if p.bar != nil {
		t.Error("the bar stays")
	}
	p.Start(0, 156, 39)
	p.Step(train.StepInfo{Step: 39, Epoch: 1, Images: 128})
	bar := p.bar
	for _, done := range []int{100, 200} {
		if p.work(evaluating(done)); p.bar != bar {
			t.Error("the training's bar is gone")
		}
	}
	for line := range strings.SplitSeq(out.String(), "\r") {
		if n := utf8.RuneCountInString(line); n >= 80 {
			t.Errorf("%d columns in %q", n, line)
		}
	}
	out.Reset()
	lines := &progress{w: &out, told: time.Now().Add(-time.Hour)}
	lines.work(evaluating(100))
	lines.work(evaluating(150))
	if got := out.String(); got != "evaluating: 100 of 200 images\n" {
		t.Errorf("without a terminal: %q", got)
	}
}
