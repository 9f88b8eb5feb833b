package train

import "github.com/qat-go/qat/layers"

// Progress hears how a run goes on.
type Progress interface {
	// Message is a line for the user.
	Message(format string, args ...any)
	// Start tells where training begins, in steps, and how far it goes.
	Start(step, total, stepsPerEpoch int)
	// Step follows every optimizer step.
	Step(s StepInfo)
	// Epoch follows the evaluation after every epoch.
	Epoch(e EpochInfo)
}

// silence is nobody's Progress.
type silence struct{}

func (silence) Message(string, ...any) {}
func (silence) Start(int, int, int)    {}
func (silence) Step(StepInfo)          {}
func (silence) Epoch(EpochInfo)        {}

// StepInfo is what a training step tells.
type StepInfo struct {
	Step, Epoch     int // from 1
	Loss            float64
	Penalty         *float64 // of the regularizers, not in Loss; nil without any
	MeanLoss        float64  // over the epoch so far
	Accuracy        float64  // of the training images of the epoch so far
	LR              float64
	Costs           *layers.Costs // of a run with a target; nil without one
	ImagesPerSecond float64       // over the last steps
	Images          int
	Logged          bool // the step is in metrics.jsonl
}

// EpochInfo is what an epoch tells.
type EpochInfo struct {
	Epoch     int
	TrainLoss float64
	TrainTop1 float64
	Penalty   *float64 // mean over the epoch; nil without regularizers
	Split     string   // that Top1 and Top5 are measured on
	Top1      float64
	Top5      float64
	Seconds   float64
}
