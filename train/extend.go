package train

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/safetensors"
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

// goOn returns the config that a run in the directory goes on with, if it is cfg: what changed in extensions is as it was
// left, and what arguments change now is in r.changed. It reads the checkpoint.
func (r *run) goOn(cfg *configs.Config) (*configs.Config, error) {
	if !r.opt.Resume {
		return cfg, nil
	}
	saved, err := r.read(ConfigFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	path := r.path(CheckpointFile)
	f, st, err := readCheckpoint(path, r.reading())
	if errors.Is(err, fs.ErrNotExist) {
		if saved == nil {
			return cfg, nil
		}
		cfg = adopt(cfg, saved)
		if changed, err := r.compare(r.dir+" was started", "use that one", string(saved), cfg, nil); err != nil || len(changed) == 0 {
			return cfg, err
		}
		return nil, fmt.Errorf("%w: %s has no checkpoint yet that could be extended; continue it as it is, or choose another folder with --out", ErrExists, r.dir)
	}
	if err != nil {
		return nil, err
	}
	then := f.Metadata["config"]
	cfg = adopt(cfg, []byte(then))
	if saved != nil {
		if _, err := r.compare(r.dir+" was started", "use that one", string(saved), cfg, st.History); err != nil {
			return nil, err
		}
	}
	changed, err := r.compare(path+" is of a run", "put the run's own checkpoint there", then, cfg, st.History)
	if err != nil {
		return nil, err
	}
	r.last = &checkpoint{f, st}
	if len(changed)+len(st.History) == 0 {
		return cfg, nil
	}
	r.changed = changed
	var overrides []string
	for _, c := range changed {
		if c.Now != "" {
			overrides = append(overrides, c.Key+"="+c.Now)
		}
	}
	return configs.Parse(ConfigFile, []byte(then), overrides...)
}

// checkpoint is one that was read.
type checkpoint struct {
	file  *safetensors.File
	state state
}

// compare reports a difference between the config text then and cfg that is no extension, now or before, and returns what
// arguments change. what has that config, and remedy is what to do.
func (r *run) compare(what, remedy, then string, cfg *configs.Config, h history) (changed []Changed, err error) {
	refuse := func(difference, hint string) error {
		return fmt.Errorf("%w: %s with another config (%s); %s, or choose another folder with --out%s", ErrExists, what, difference, remedy, hint)
	}
	from, err := configs.Parse(ConfigFile, []byte(then))
	if err != nil {
		return nil, refuse(configDifference(then, cfg), "")
	}
	for _, d := range changes(from, cfg) {
		given := argument(cfg, d.Key)
		switch {
		case r.opt.Extend && given && under(d.Key, extendable):
			changed = append(changed, d)
			continue
		case r.opt.Extend && !given && h.had(d.Key, d.Now):
			continue
		}
		difference, hint := fmt.Sprintf("%q then, %q now", leaf(d.Key, d.Then), leaf(d.Key, d.Now)), ""
		if d.Key == "model.network" {
			difference = configDifference(then, cfg)
		}
		switch {
		case !r.opt.Extend:
		case under(d.Key, extendable) && d.Now != "":
			hint = fmt.Sprintf("; to change it from here on, extend the run: --resume %s=%s", d.Key, d.Now)
		default:
			hint = "; --resume KEY=VALUE extends a run, and can change " + strings.Join(extendable, ", ") + " only"
		}
		return nil, refuse(difference, hint)
	}
	return changed, nil
}

// changes lists the keys whose values differ, in the order of docs/config.md.
func changes(then, now *configs.Config) (all []Changed) {
	before, after := map[string]string{}, map[string]string{}
	for _, s := range then.Settings() {
		before[s.Key] = s.Value
	}
	for _, s := range now.Settings() {
		after[s.Key] = s.Value
		if v, ok := before[s.Key]; !ok || v != s.Value {
			all = append(all, Changed{s.Key, v, s.Value})
		}
	}
	for _, s := range then.Settings() {
		if _, ok := after[s.Key]; !ok {
			all = append(all, Changed{s.Key, s.Value, ""})
		}
	}
	return all
}

// argument tells that an argument set a key, or put another in its place.
func argument(cfg *configs.Config, key string) bool {
	from := func(key string) bool { return strings.HasPrefix(cfg.Origin(key), "argument") }
	switch {
	case key == "train.epochs" && cfg.Train.Steps > 0:
		return from("train.steps")
	case key == "train.steps" && cfg.Train.Steps == 0:
		return from("train.epochs")
	}
	return from(key)
}

// leaf is a key as its line in a config has it.
func leaf(key, value string) string {
	if value == "" {
		return ""
	}
	return key[strings.LastIndexByte(key, '.')+1:] + ": " + value
}

// extend makes the state that of the extended run.
func (r *run) extend(st *state) error {
	if len(r.changed) == 0 {
		return nil
	}
	var given []string
	for _, c := range r.changed {
		if c.Now != "" {
			given = append(given, c.Key+"="+c.Now)
		}
	}
	total := r.total()
	switch {
	case st.Total == 0:
		return fmt.Errorf("%w: %s trains nothing, so that %s cannot extend it; begin a run from it: model.init=%s", ErrExists, r.dir, strings.Join(given, " "), r.dir)
	case st.Step >= total:
		return fmt.Errorf("%w: %s is at step %d of %d, and with %s it has %d; give more epochs to go on, such as train.epochs=%d",
			ErrExists, r.dir, st.Step, st.Total, strings.Join(given, " "), total, st.Step/r.perEpoch()+1)
	}
	st.History = append(st.History, Change{st.Step, st.Total, r.changed})
	st.Total = total
	rest := *r.Config
	t, start := st.schedule(&rest.Train, r.perEpoch())
	rest.Train = *t
	if start > 0 {
		rest.Train.BatchNormFreeze = configs.Duration{} // which counts from the start of the run
	}
	if found := checkLength(&rest, r.Data.Train.Len()+r.Data.Validation.Len()); found != nil {
		return found
	}
	return nil
}

// tellExtension says what is extended, and how.
func (r *run) tellExtension() {
	var what []string
	for _, c := range r.changed {
		switch {
		case c.Now == "":
		case c.Then == "":
			what = append(what, c.Key+" "+c.Now)
		default:
			what = append(what, fmt.Sprintf("%s %s, before %s", c.Key, c.Now, c.Then))
		}
	}
	r.opt.Progress.Message("extending %s after step %d: %s", r.dir, r.st.Step, strings.Join(what, "; "))
	t, start := r.st.schedule(&r.Config.Train, r.perEpoch())
	r.opt.Progress.Message("learning rate: %v", rates(t, start, r.st.Total, r.perEpoch()))
}
