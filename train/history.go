package train

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/configs"
)

// Change is an extension of a run: what of its config changed after a step.
type Change struct {
	Step     int       `json:"step"`  // optimizer steps done until then
	Total    int       `json:"total"` // of the run as it was until then
	Settings []Changed `json:"settings"`
}

// Changed is a key of the config with its values before and after, in YAML. One is empty where train.steps took the place of
// train.epochs, or the other way round.
type Changed struct {
	Key  string `json:"key"`
	Then string `json:"then"`
	Now  string `json:"now"`
}

// extendable are the keys, and sections of keys, that a run can go on with other values of: none of them changes what its
// arrays are, what it is made from, or which images its steps see.
var extendable = []string{"train.epochs", "train.steps", "train.max_steps", "train.lr", "train.schedule", "train.optimizer.weight_decay", "train.groups",
	"train.label_smoothing", "train.mixup", "train.clip_grad_norm", "train.batch_norm_freeze", "train.log_every", "train.checkpoint_every", "train.eval_batch", "data.workers"}

// restarting are those with which the schedule of the learning rate starts again.
var restarting = []string{"train.epochs", "train.steps", "train.lr", "train.schedule"}

// under tells that a key is one of those, or in one of their sections.
func under(key string, keys []string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return key == k || strings.HasPrefix(key, k+".") })
}

// history are the extensions of a run, in order.
type history []Change

// start is the step after which the schedule of the learning rate starts.
func (h history) start() int {
	for _, c := range slices.Backward(h) {
		if slices.ContainsFunc(c.Settings, func(s Changed) bool { return under(s.Key, restarting) }) {
			return c.Step
		}
	}
	return 0
}

// progress is the share of the run that is done after a step, which what quantizers and penalties schedule goes by. Where an
// extension changes the number of steps it goes on from what it was, to reach 1 at the new end: it never falls.
func (h history) progress(step, total int) float64 {
	at, done := 0, 0.0
	until := func(step, total int) float64 {
		share := float64(step-at) / float64(max(total-at, 1))
		if at == 0 {
			return share
		}
		return done + (1-done)*share
	}
	for i, c := range h {
		next := total
		if i+1 < len(h) {
			next = h[i+1].Total
		}
		if step < c.Step {
			return until(step, c.Total)
		}
		if next != c.Total {
			done, at = until(c.Step, c.Total), c.Step
		}
	}
	return until(step, total)
}

// had tells that a key had a value before an extension.
func (h history) had(key, value string) bool {
	return slices.ContainsFunc(h, func(c Change) bool {
		return slices.ContainsFunc(c.Settings, func(s Changed) bool { return s.Key == key && s.Then == value })
	})
}

// logEvery is train.log_every at a step; now is that of the config.
func (h history) logEvery(step, now int) int {
	for _, c := range h {
		for _, s := range c.Settings {
			if n, err := strconv.Atoi(s.Then); step <= c.Step && s.Key == "train.log_every" && err == nil && n > 0 {
				return n
			}
		}
	}
	return now
}

// check reports a history that no run has that is at a step.
func (h history) check(step int) error {
	before := 1
	for _, c := range h {
		if c.Step < before || c.Step > min(c.Total, step) {
			return fmt.Errorf("metadata \"state\": an extension after step %d of %d cannot be in step %d", c.Step, c.Total, step)
		}
		before = c.Step
	}
	return nil
}

// schedule is what the learning rate goes by, and the step after which its schedule starts.
func (st state) schedule(t *configs.Train, perEpoch int) (*configs.Train, int) {
	start := st.History.start()
	if start == 0 {
		return t, 0
	}
	rest := *t
	rest.Epochs, rest.Steps = 0, t.Total(perEpoch)-start
	return &rest, start
}
