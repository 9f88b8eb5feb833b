package train

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
)

// checkEmbedded reports embedded weights of another network than the config's. Those in files are looked at when they are read.
func checkEmbedded(cfg *configs.Config, option, name string) error {
	if !strings.HasPrefix(name, configs.EmbeddedInit) {
		return nil
	}
	net, _, err := Outline(cfg)
	if err != nil {
		return err
	}
	dicts, err := readWeights(name, Reading{})
	if err != nil {
		return err
	}
	m := &Model{Config: cfg, Net: net}
	if _, err := fitFrom(name, dicts, m.wants(), ""); err != nil {
		return m.unfit(option, name, err)
	}
	return nil
}

// checkLength finds what does not go with so many training images, those that are held out included.
func checkLength(cfg *configs.Config, images int) (found configs.ErrorList) {
	report := func(path, format string, args ...any) { found = append(found, cfg.Mistake(path, format, args...)) }
	t, s := &cfg.Train, &cfg.Train.Schedule
	images -= cfg.Data.Validation
	switch {
	case images <= 0:
		report("data.validation", "%d of the %d training images of %s are held out; wanted fewer", cfg.Data.Validation, images+cfg.Data.Validation, cfg.Data.Dataset)
	case t.Batch > images:
		report("train.batch", "wanted at most the %d training images of %s, found %d", images, cfg.Data.Dataset, t.Batch)
	case t.StepImages() > images:
		report("train.accumulate", "a step takes %d batches of %d images, more than the %d training images of %s; wanted at most %d", t.Batches(), t.Batch, images, cfg.Data.Dataset, images/t.Batch)
	case t.Trains():
		steps := images / t.StepImages()
		total := t.Total(steps)
		beyond := func(path string, d configs.Duration, of string, total, last int) {
			if at := d.Steps(steps, total); at > last {
				report(path, "%v, step %d, lies beyond the %s of %d steps, %d in an epoch", d, at, of, total, steps)
			}
		}
		ends, err := cfg.Quant.Ends(steps, total)
		if err != nil {
			report("quant.schedule", "%v, %d in an epoch", err, steps)
		} else {
			of, begins := "run", spans(&cfg.Quant, ends)
			if len(begins) > 1 {
				of = "learning rate's part"
			}
			for _, begin := range begins {
				part, _ := span(t, begins, begin, total)
				n := part.Total(steps)
				beyond("train.schedule.warmup", s.Warmup, of, n, n)
				for _, m := range s.Milestones {
					beyond("train.schedule.milestones", m, of, n, n-1)
				}
			}
		}
		beyond("train.batch_norm_freeze", t.BatchNormFreeze, "run", total, total-1)
		if cfg.Quant.Target.On() {
			beyond("quant.target.freeze", cfg.Quant.Target.Freeze, "run", total, total-1)
		}
	}
	return found
}

// checkAugment finds what the images of a data set cannot be changed by.
func checkAugment(cfg *configs.Config, d *datasets.Dataset) (found configs.ErrorList) {
	a := &cfg.Data.Augment
	if most := min(d.Height, d.Width) - 1; a.Crop > most {
		found = append(found, cfg.Mistake("data.augment.crop", "wanted at most %d for %dx%d (height, width), found %d; set it to 0", most, d.Height, d.Width, a.Crop))
	}
	if d.Real && a.ResizedCrop {
		found = append(found, cfg.Mistake("data.augment.resized_crop", "%s are numbers, which have no size to change; remove it", d.Name))
	}
	for _, j := range []struct {
		key   string
		value float64
	}{{"brightness", a.Jitter.Brightness}, {"contrast", a.Jitter.Contrast}, {"saturation", a.Jitter.Saturation}, {"hue", a.Jitter.Hue}} {
		if j.value > 0 && (d.Real || d.Channels != 3) {
			found = append(found, cfg.Mistake("data.augment.color_jitter."+j.key, "%s have no colors, which are pixels of 3 channels; remove it", d.Name))
		}
	}
	return found
}

// normalizable reports what normalization makes infinite.
func normalizable(cfg *configs.Config, d *datasets.Dataset) error {
	lo, hi := d.InputRange()
	if d.Real {
		lo, hi = d.Lo, d.Hi
	}
	if lo-lo != 0 || hi-hi != 0 {
		return configs.ErrorList{cfg.Mistake("data.std", "normalized by it and data.mean, the images of %s reach from %v to %v; wanted finite numbers: bring the data, data.mean or data.std into range", d.Name, lo, hi)}
	}
	return nil
}

// Check finds what [configs.Load] cannot know of a config: whether its data set has enough images, whether the files that
// it starts from are there, and what of its schedule lies beyond the run. The error is a [configs.ErrorList]. A run that
// is resumed needs none of it. Images in files and arrays are not counted: [Run] does that when it has read them. dir is where data
// sets are, as in [Open].
func Check(cfg *configs.Config, dir string) error {
	if cfg == nil {
		return errNoConfig
	}
	images, err := datasets.TrainLen(string(cfg.Data.Dataset), cfg.DataOptions(dir))
	if err != nil {
		return err
	}
	var found configs.ErrorList
	if images > 0 {
		found = checkLength(cfg, images)
	}
	report := func(path, format string, args ...any) { found = append(found, cfg.Mistake(path, format, args...)) }
	file := func(path, name string) {
		if name == "" || name == configs.RandomInit || name == configs.NoTeacher || strings.HasPrefix(name, configs.EmbeddedInit) {
			return
		}
		if _, err := os.Stat(name); err != nil {
			report(path, "no file %q", name)
		} else if err := checkWeights(name); err != nil {
			report(path, "%v", err)
		}
	}
	file(initOption, cfg.Model.Init)
	file(teacherOption, cfg.Quant.Distillation.Teacher)
	if found == nil {
		for _, o := range []struct{ option, name string }{{initOption, cfg.Model.Init}, {teacherOption, cfg.Quant.Distillation.Teacher}} {
			err := checkEmbedded(cfg, o.option, o.name)
			if placed := configs.ErrorList(nil); errors.As(err, &placed) { // of the network or the data, whatever the weights
				found = append(found, placed...)
				break
			}
			if err != nil {
				report(o.option, "%v", err)
			}
		}
	}
	for i := range cfg.Quant.Schedule {
		if err := checkStage(cfg, i); err != nil {
			return err
		}
	}
	if slices.Contains(cfg.Export.Formats, configs.C) {
		if err := checkCWeights(cfg); err != nil {
			report("export.formats", "%v", err)
		}
	}
	if len(found) > 0 {
		return found
	}
	return nil
}

// checkStage reports a stage whose network cannot be trained, which would be known as it begins only.
func checkStage(cfg *configs.Config, i int) error {
	net, trainable, err := Outline(cfg.InStage(i))
	if err = cmp.Or(err, trainable); err != nil {
		return err
	}
	m := &Model{Config: cfg, Net: net, stage: i}
	if m.freeze(net); len(net.Store.Learnable()) == 0 {
		return configs.ErrorList{{Pos: cfg.Quant.Schedule[i].Pos, Message: fmt.Sprintf("stage %d: freeze leaves nothing to train; name less", i+1)}}
	}
	return nil
}

// checkCWeights reports that the network is too large for the format c, which would be known after training only.
func checkCWeights(cfg *configs.Config) error {
	n, err := cfg.Network()
	if err != nil {
		return err
	}
	rows, err := n.Table()
	if err != nil {
		return err
	}
	weights := 0
	for _, r := range rows {
		weights += r.Weights
	}
	return export.CheckCWeights(weights)
}
