package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/qat-go/qat/train"
)

// progress tells on stderr how work goes on. On a terminal a bar shows every
// step; elsewhere there is a line for every logged one.
type progress struct {
	w     io.Writer
	width int // of the terminal; 0: not one, so no bar
	bar   *progressbar.ProgressBar

	total, stepsPerEpoch int
	heard                bool // of a step
	lastStep             time.Time
	evaluation           time.Duration // of an epoch's end
	tenths               int64         // of a download, printed
	working              bool          // the bar is that of an evaluation or a calibration
	told                 time.Time     // a line, of such
}

var _ train.Progress = (*progress)(nil)

func newProgress(stderr io.Writer, plain bool) *progress {
	p := &progress{w: stderr}
	if f, ok := stderr.(*os.File); ok && !plain && term.IsTerminal(int(f.Fd())) {
		p.width = 80
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			p.width = w
		}
	}
	return p
}

// textWidth is room for a usual text beside a bar, and barEnds what a bar has around it, " 100% |", "|  " and " ". A line that
// fills the terminal would break.
const (
	textWidth = 76
	barEnds   = 11 + 1
)

func (p *progress) barWidth() int { return min(max(p.width-textWidth, 5), 40) }

// fitting returns the first text that has room beside the bar, or the start of the last.
func (p *progress) fitting(texts ...string) string {
	room := max(p.width-barEnds-p.barWidth(), 0)
	for _, t := range texts {
		if len(t) <= room {
			return t
		}
	}
	return texts[len(texts)-1][:room]
}

// newBar replaces the bar. Nothing happens if stderr is not a terminal.
func (p *progress) newBar(total int64) {
	p.close()
	if p.width == 0 {
		return
	}
	p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.w), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(p.barWidth()), progressbar.OptionClearOnFinish())
}

// close removes the bar.
func (p *progress) close() {
	if p.bar != nil {
		p.bar.Clear()
		p.bar = nil
	}
	p.working = false
}

// Message implements train.Progress.
func (p *progress) Message(format string, args ...any) {
	if p.bar != nil {
		p.bar.Clear()
	}
	say(p.w, format, args...)
}

// Start implements train.Progress.
func (p *progress) Start(step, total, stepsPerEpoch int) {
	p.total, p.stepsPerEpoch, p.lastStep = total, stepsPerEpoch, time.Now()
	p.newBar(int64(total))
	if p.bar != nil {
		p.bar.Set(step)
	}
}

// Step implements train.Progress.
func (p *progress) Step(s train.StepInfo) {
	first := !p.heard
	p.heard, p.lastStep = true, time.Now()
	step := fmt.Sprintf("step %d/%d", s.Step, p.total)
	at := fmt.Sprintf("%s epoch %d/%d", step, s.Epoch, p.epochs(p.total))
	now := fmt.Sprintf("loss %.4f acc %.1f%%", s.MeanLoss, 100*s.Accuracy)
	eta := "eta " + duration(p.left(s))
	speed := pace(s.ImagesPerSecond) + " " + eta
	switch {
	case p.bar != nil:
		p.bar.Describe(p.fitting(at+" "+now+" "+speed, step+" "+now+" "+speed, step+" "+now+" "+eta, step+" "+eta, step))
		p.bar.Set(s.Step)
	case first || s.Logged:
		p.Message("%s %s lr %.3g %s", at, now, s.LR, speed)
	}
}

// left is the time in seconds that the rest of the training takes, evaluations
// between epochs included.
func (p *progress) left(s train.StepInfo) float64 {
	steps := float64(p.total-s.Step) * float64(s.Images) / max(s.ImagesPerSecond, 1e-9)
	return steps + float64(p.epochs(p.total)-s.Epoch)*p.evaluation.Seconds()
}

// epochs is the number of epochs that steps begin.
func (p *progress) epochs(steps int) int {
	return (steps + p.stepsPerEpoch - 1) / max(p.stepsPerEpoch, 1)
}

// Epoch implements train.Progress.
func (p *progress) Epoch(e train.EpochInfo) {
	p.evaluation = time.Since(p.lastStep)
	penalty := ""
	if e.Penalty != nil {
		penalty = fmt.Sprintf("penalty %.4g ", *e.Penalty)
	}
	p.Message("epoch %d/%d: loss %.4f %sacc %.1f%%; %s acc %.2f%%; %s of training",
		e.Epoch, p.epochs(p.total), e.TrainLoss, penalty, 100*e.TrainTop1, e.Split, 100*e.Top1, duration(e.Seconds))
}

// tellEvery is how often long work prints a line where there is no terminal.
const tellEvery = 10 * time.Second

// work tells how an evaluation or a calibration goes on: on the training's bar, or on one of its own.
func (p *progress) work(w train.Work) {
	switch text := fmt.Sprintf("%s: %d of %d %s", w.Doing, w.Done, w.Total, w.What); {
	case p.width == 0:
		if w.Done == w.Total {
			p.told = time.Time{}
		} else if p.told.IsZero() {
			p.told = time.Now() // what is short is silent
		} else if time.Since(p.told) >= tellEvery {
			p.told = time.Now()
			p.Message("%s", text)
		}
	case p.bar != nil && !p.working:
		p.bar.Describe(p.fitting(text, w.Doing))
	default:
		if p.bar == nil {
			p.newBar(int64(w.Total))
			p.working = true
		}
		p.bar.Describe(p.fitting(text, w.Doing))
		p.bar.Set(w.Done)
		if w.Done == w.Total {
			p.close()
		}
	}
}

// download tells how a transfer goes on.
func (p *progress) download(what string, done, total int64) {
	if p.lastStep.IsZero() {
		p.lastStep = time.Now()
		p.Message("downloading %s, %s", what, size(total))
		p.newBar(total)
	}
	if p.bar != nil {
		p.bar.Describe(p.fitting(size(done) + " of " + size(total)))
		p.bar.Set64(done)
	} else if tenths := 10 * done / max(total, 1); tenths > p.tenths {
		p.tenths = tenths
		p.Message("%s: %d %%", what, 10*tenths)
	}
}
