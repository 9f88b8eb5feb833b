package train

import (
	"context"
	"fmt"
	"slices"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
)

// Resolve returns the config with what only its data set can tell, which lies in dir (the config's data.root if dir is empty): the
// names of the classes of images in files, and the shape of arrays. Other configs it returns as they are. What is measured
// over the images [Open] adds.
func Resolve(cfg *configs.Config, dir string) (*configs.Config, error) {
	if cfg == nil {
		return nil, errNoConfig
	}
	if len(cfg.Data.Folder.Classes) > 0 && !(cfg.Data.Dataset.OfArrays() && cfg.Data.Arrays.Open()) {
		return cfg, nil
	}
	found, err := datasets.Find(string(cfg.Data.Dataset), cfg.DataOptions(dir))
	if err != nil || found == nil {
		return cfg, err
	}
	resolved := *cfg
	d := &resolved.Data
	d.Folder.Classes = found.Classes
	if found.Shape == [3]int{} {
		return &resolved, nil
	}
	switch {
	case found.Real && d.Arrays.Values == configs.ValuesPixels:
		return cfg, configs.ErrorList{cfg.Mistake("data.arrays.values", "the arrays hold numbers, and pixels are uint8; wanted numbers, or auto")}
	case found.Real:
		d.Arrays.Values = configs.ValuesNumbers
	default:
		d.Arrays.Values, d.Range = configs.ValuesPixels, configs.Statistic{}
	}
	d.Arrays.Shape = found.Shape
	if err := resolved.Fits(); err != nil {
		return cfg, err
	}
	return &resolved, nil
}

// measured returns the config with the numbers of what it says is to be measured, and normalizes the data set by them.
func measured(ctx context.Context, cfg *configs.Config, data *datasets.Dataset) (*configs.Config, error) {
	d := cfg.Data
	if !d.Mean.Auto && !d.Std.Auto && !d.Range.Auto {
		return cfg, nil
	}
	s, err := datasets.Measure(ctx, data, data.Train, func(done, total int) { tell(ctx, Work{"measuring", "images", done, total}) })
	if err != nil {
		return nil, err
	}
	if d.Mean.Auto {
		d.Mean = configs.Statistic{Values: s.Mean}
		data.Mean = s.Mean
	}
	if d.Std.Auto {
		if c := slices.Index(s.Std, 0); c >= 0 {
			return nil, configs.ErrorList{cfg.Mistake("data.std", "auto: channel %d%s is the same in all %d training images of %s; leave it out of the data, or write data.std: 1, or a number for each", c, others(s.Std), data.Train.Len(), data.Name)}
		}
		d.Std = configs.Statistic{Values: s.Std}
		data.Std = s.Std
	}
	if d.Range.Auto && data.Real {
		data.Lo, data.Hi = s.Range(data.Mean, data.Std)
		d.Range = configs.Statistic{Values: []float32{data.Lo, data.Hi}}
	}
	resolved := *cfg
	resolved.Data = d
	return &resolved, nil
}

// others says how many channels beside the first have no deviation.
func others(std []float32) string {
	n := -1
	for _, v := range std {
		if v == 0 {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}

// adopt takes what was measured when the run began from its saved config: it is not measured again.
func adopt(cfg *configs.Config, saved []byte) *configs.Config {
	then, err := configs.Parse(ConfigFile, saved)
	if err != nil {
		return cfg // which is told where they are compared
	}
	adopted := *cfg
	d, from := &adopted.Data, &then.Data
	for _, s := range []struct{ now, then *configs.Statistic }{{&d.Mean, &from.Mean}, {&d.Std, &from.Std}, {&d.Range, &from.Range}} {
		if s.now.Auto && len(s.then.Values) > 0 {
			*s.now = *s.then
		}
	}
	return &adopted
}
