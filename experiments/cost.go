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

// Costs measures how fast runs are, each kind of network, method and batch once, and tells of each kind before it does. Images that
// only their files tell are counted, so the files have to be there.
func Costs(ctx context.Context, runs []*Run, opt Options, tell func(kind, of int)) ([]Cost, error) {
	if err := checkRuns(runs); err != nil {
		return nil, err
	}
	if tell == nil {
		tell = func(int, int) {}
	}
	kinds := map[string]measured{}
	names := map[string]bool{}
	for _, r := range runs {
		names[kind(r.Config)] = true
	}
	var all []Cost
	for _, r := range runs {
		m, known := kinds[kind(r.Config)]
		if !known {
			tell(len(kinds)+1, len(names))
			var err error
			if m, err = measureKind(ctx, r.Config, opt); err != nil {
				return nil, fmt.Errorf("%s: %w", r.Name(), err)
			}
			kinds[kind(r.Config)] = m
		}
		t := &r.Config.Train
		seconds := 0.0
		if each := m.trained / t.StepImages(); each > 0 { // steps of an epoch
			steps := t.Last(each)
			evaluations := (steps + each - 1) / each
			seconds = float64(steps*t.StepImages())/m.pace.Training + float64(evaluations*m.evaluated)/m.pace.Simulation
		}
		all = append(all, Cost{r, m.pace, time.Duration(seconds * float64(time.Second))})
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

// kind is what the speed of a run and the number of its images depend on.
func kind(cfg *configs.Config) string {
	var b strings.Builder
	for _, s := range cfg.Settings() {
		for _, prefix := range []string{"model.", "quant.", "data.", "train.batch", "train.optimizer."} {
			if strings.HasPrefix(s.Key, prefix) && s.Key != "model.init" && s.Key != "train.optimizer.weight_decay" {
				fmt.Fprintf(&b, "%s: %s\n", s.Key, s.Value)
			}
		}
	}
	return b.String()
}

// measured is what runs of a kind have in common.
type measured struct {
	pace               train.Pace
	trained, evaluated int // images of an epoch
}

func measureKind(ctx context.Context, cfg *configs.Config, opt Options) (m measured, err error) {
	if cfg, err = train.Resolve(cfg, opt.Data); err != nil {
		return m, err
	}
	if m.trained, m.evaluated, err = images(cfg, opt.Data); err != nil {
		return m, err
	}
	if !opt.IgnoreMemory {
		if _, err = train.Await(ctx, func() (int64, error) { return train.CheckBenchMemory(cfg, opt.Threads) }); err != nil {
			return m, err
		}
	}
	m.pace, err = train.MeasurePace(ctx, cfg, opt.Threads, paceSteps)
	return m, err
}

// images are those of an epoch, trained and evaluated. What only the files tell they are asked for.
func images(cfg *configs.Config, dir string) (trained, evaluated int, err error) {
	name, o := string(cfg.Data.Dataset), cfg.DataOptions(dir)
	if trained, err = datasets.TrainLen(name, o); err != nil {
		return 0, 0, err
	}
	held := cfg.Data.Validation
	if trained == 0 {
		d, err := datasets.Open(name, o)
		if err != nil {
			return 0, 0, err
		}
		trained, evaluated = d.Train.Len()+held, d.Test.Len()
	} else {
		evaluated = max(datasets.Count(name, o)-trained, 0)
	}
	if held > 0 {
		trained, evaluated = trained-held, held
	}
	return trained, evaluated, nil
}
