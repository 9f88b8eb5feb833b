package train

import (
	"math"

	"github.com/qat-go/qat/configs"
)

// LearningRate returns the learning rate of step (from 0) of a run whose
// epochs have stepsPerEpoch steps. After a linear warm-up over w steps,
// lr*(step+1)/w, with t = (step - w)/(total - w):
//
//	constant  lr
//	cosine    lr*(final + (1 - final)*(1 + cos(pi*t))/2)   (Loshchilov and Hutter 2017, arXiv 1608.03983, eq. 5)
//	step      lr*factor^(number of milestones reached)
func LearningRate(t *configs.Train, step, stepsPerEpoch int) float64 {
	if t == nil {
		return 0
	}
	total := t.Total(stepsPerEpoch)
	warmup := t.Schedule.Warmup.Steps(stepsPerEpoch, total)
	if step < warmup {
		return t.LR * float64(step+1) / float64(warmup)
	}
	switch t.Schedule.Kind {
	case configs.Cosine:
		x := float64(step-warmup) / float64(max(total-warmup, 1))
		return t.LR * (t.Schedule.Final + (1-t.Schedule.Final)*(1+math.Cos(math.Pi*x))/2)
	case configs.Step:
		lr := t.LR
		for _, m := range t.Schedule.Milestones {
			if step >= m.Steps(stepsPerEpoch, total) {
				lr *= t.Schedule.Factor
			}
		}
		return lr
	}
	return t.LR
}
