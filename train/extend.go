package train

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/safetensors"
)

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
	if err := r.recall(); err != nil {
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
	var given, own []string
	for _, c := range r.changed {
		if c.Now != "" {
			given = append(given, c.Key+"="+c.Now)
		}
		if c.Then != "" {
			own = append(own, c.Key+"="+c.Then)
		}
	}
	total := r.total()
	switch i := slices.IndexFunc(r.changed, func(c Changed) bool { return under(c.Key, restarting) }); {
	case i >= 0 && len(r.ends) > 0:
		return fmt.Errorf("%w: %s has the stages of quant.schedule, whose lengths and learning rates %s would change; begin a run from it: model.init=%s",
			ErrExists, r.dir, strings.Join(given, " "), r.dir)
	case st.Total == 0:
		return fmt.Errorf("%w: %s trains nothing, so that %s cannot extend it; begin a run from it: model.init=%s", ErrExists, r.dir, strings.Join(given, " "), r.dir)
	case st.Step >= total && st.Step < st.Total: // the arguments of before an extension, for instance
		return fmt.Errorf("%w: %s is at step %d of %d, and with %s it has %d; to go on as it is: --resume %s",
			ErrExists, r.dir, st.Step, st.Total, strings.Join(given, " "), total, strings.Join(own, " "))
	case st.Step >= total:
		return fmt.Errorf("%w: %s is at step %d of %d, and with %s it has %d; give more steps to go on, such as %s",
			ErrExists, r.dir, st.Step, st.Total, strings.Join(given, " "), total, r.longer(st.Step))
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

// longer is the settings that let the run go on after a step at which it ends.
func (r *run) longer(step int) string {
	var all []string
	t := &r.Config.Train
	switch {
	case t.Total(r.perEpoch()) > step:
	case t.Steps > 0:
		all = append(all, fmt.Sprintf("train.steps=%d", step+r.perEpoch()))
	default:
		all = append(all, fmt.Sprintf("train.epochs=%d", step/r.perEpoch()+1))
	}
	if t.MaxSteps > 0 && t.MaxSteps <= step {
		all = append(all, fmt.Sprintf("train.max_steps=%d", step+r.perEpoch()))
	}
	return strings.Join(all, " ")
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
