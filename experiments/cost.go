package experiments

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/train"
)

// Cost is what a run takes on this machine.
type Cost struct {
	Run  *Run
	Pace train.Pace
	// Time is that of the epochs, and of the evaluations after them.
	Time time.Duration
}

// paceSteps are measured of each kind of run.
const paceSteps = 4

// Costs measures how fast runs are, each kind of network, method and batch once, and tells of each kind before it does.
func Costs(ctx context.Context, runs []*Run, opt Options, tell func(kind, of int)) ([]Cost, error) {
	if err := checkRuns(runs); err != nil {
		return nil, err
	}
	if tell == nil {
		tell = func(int, int) {}
	}
	kinds := map[string]train.Pace{}
	names := map[string]bool{}
	for _, r := range runs {
		names[kind(r.Config)] = true
	}
	var all []Cost
	for _, r := range runs {
		pace, known := kinds[kind(r.Config)]
		if !known {
			tell(len(kinds)+1, len(names))
			var err error
			if pace, err = train.MeasurePace(ctx, r.Config, opt.Threads, paceSteps); err != nil {
				return nil, fmt.Errorf("%s: %w", r.Name(), err)
			}
			kinds[kind(r.Config)] = pace
		}
		trained, evaluated := images(r.Config, opt.Data)
		seconds := 0.0
		if trained >= r.Config.Train.Batch {
			each := trained / r.Config.Train.Batch // steps of an epoch
			steps := r.Config.Train.Total(each)
			if most := r.Config.Train.MaxSteps; most > 0 {
				steps = min(steps, most)
			}
			evaluations := (steps + each - 1) / each
			seconds = float64(steps*r.Config.Train.Batch)/pace.Training + float64(evaluations*evaluated)/pace.Simulation
		}
		all = append(all, Cost{r, pace, time.Duration(seconds * float64(time.Second))})
	}
	return all, nil
}

// Total adds up the times of runs.
func Total(costs []Cost) (sum time.Duration) {
	for _, c := range costs {
		sum += c.Time
	}
	return sum
}

// kind is what the speed of a run depends on.
func kind(cfg *configs.Config) string {
	var b strings.Builder
	for _, s := range cfg.Settings() {
		for _, prefix := range []string{"model.", "quant.", "data.", "train.batch", "train.optimizer."} {
			if strings.HasPrefix(s.Key, prefix) && s.Key != "model.init" && s.Key != "data.root" {
				fmt.Fprintf(&b, "%s: %s\n", s.Key, s.Value)
			}
		}
	}
	return b.String()
}

// images are those of an epoch, trained and evaluated.
func images(cfg *configs.Config, dir string) (trained, evaluated int) {
	o := cfg.DataOptions(dir)
	trained, err := datasets.TrainLen(string(cfg.Data.Dataset), o)
	if err != nil {
		return 0, 0
	}
	all := datasets.Count(string(cfg.Data.Dataset), o)
	evaluated = max(all-trained, 0)
	if held := cfg.Data.Validation; held > 0 {
		trained, evaluated = trained-held, held
	}
	return trained, evaluated
}
