package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
)

// Rates is the curve of a run's learning rate, at the steps that tell how it goes.
type Rates struct {
	Points   []Rate `json:"points"`
	PerEpoch int    `json:"steps_per_epoch"`
}

// Rate is the learning rate of a step, which counts from 1.
type Rate struct {
	Step int     `json:"step"`
	LR   float64 `json:"lr"`
}

// LearningRates is the curve of a run of the config, nil if it trains nothing, or if it is not known how many images there
// are. dir is where data sets are, as in [Open].
func LearningRates(cfg *configs.Config, dir string) (*Rates, error) {
	if cfg == nil {
		return nil, errNoConfig
	}
	images, err := datasets.TrainLen(string(cfg.Data.Dataset), cfg.DataOptions(dir))
	t := &cfg.Train
	perEpoch := (images - cfg.Data.Validation) / max(t.StepImages(), 1)
	if err != nil || perEpoch <= 0 || !t.Trains() {
		return nil, err
	}
	total, last := t.Total(perEpoch), t.Last(perEpoch)
	ends, err := cfg.Quant.Ends(perEpoch, total)
	if err != nil {
		return nil, err
	}
	all := &Rates{PerEpoch: perEpoch}
	for _, begin := range spans(&cfg.Quant, ends) {
		part, begin := span(t, spans(&cfg.Quant, ends), begin, total)
		if end := min(last, begin+part.Total(perEpoch)); begin < end {
			all.Points = append(all.Points, rates(part, begin, end, perEpoch).Points...)
		}
	}
	return all, nil
}

// rates is the curve of what follows a step of a run of so many, of which t schedules the rest.
func rates(t *configs.Train, start, total, perEpoch int) *Rates {
	n, s := t.Total(perEpoch), &t.Schedule
	warm, last := s.Warmup.Steps(perEpoch, n), total-start-1
	steps := []int{0, warm, last}
	switch s.Kind {
	case configs.Cosine:
		for quarter := 1; quarter < 4; quarter++ {
			steps = append(steps, warm+(n-warm)/4*quarter)
		}
	case configs.Step:
		for _, m := range s.Milestones {
			steps = append(steps, m.Steps(perEpoch, n))
		}
	}
	slices.Sort(steps)
	r := &Rates{PerEpoch: perEpoch}
	for _, step := range slices.Compact(steps) {
		if step >= 0 && step <= last {
			r.Points = append(r.Points, Rate{start + step + 1, LearningRate(t, step, perEpoch)})
		}
	}
	return r
}

// String is the curve in a line.
func (r *Rates) String() string {
	if r == nil {
		return "none"
	}
	var points []string
	for _, p := range r.Points {
		points = append(points, fmt.Sprintf("%.3g in step %d", p.LR, p.Step))
	}
	return fmt.Sprintf("%s; an epoch has %d steps", strings.Join(points, ", "), r.PerEpoch)
}
