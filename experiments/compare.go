package experiments

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/train"
)

// Comparison shows runs side by side: the keys in which their configs differ, and what they measured.
type Comparison struct {
	Columns  []Compared `json:"runs"`
	Settings []Setting  `json:"settings"` // that differ
	Measures []Measure  `json:"results"`
}

// Compared is a column: one run, or runs that differ in their seed only.
type Compared struct {
	Runs  []string `json:"runs"` // folders
	Seeds []uint64 `json:"seeds"`
}

// Setting is a key of the configs, with its value in each column.
type Setting struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

// Measure is a number that runs measured, with its mean and spread in each column; nil where a run has none.
type Measure struct {
	Name    string     `json:"name"`
	Means   []*float64 `json:"means"`
	Spreads []*float64 `json:"spreads"` // standard deviations over the seeds; nil of one
}

// comparedRun is what a folder has.
type comparedRun struct {
	dir      string
	cfg      *configs.Config
	settings []configs.KeyValue
	result   *train.Result
}

const seedKey = "train.seed"

// Compare reads the folders of runs that are done.
func Compare(dirs []string) (*Comparison, error) {
	var runs []*comparedRun
	for _, dir := range dirs {
		if _, err := filetype.Check(dir, "the folder of a run", filetype.Run); err != nil {
			return nil, err
		}
		m, err := train.ReadManifest(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil || m.Result == nil {
			return nil, fmt.Errorf("%s has no result yet; continue the run with --resume", dir)
		}
		cfg, err := configs.Load(filepath.Join(dir, train.ConfigFile), nil)
		if err != nil {
			return nil, err
		}
		runs = append(runs, &comparedRun{dir, cfg, cfg.Settings(), m.Result})
	}
	columns := bySeed(runs)
	c := &Comparison{Settings: []Setting{}}
	for _, column := range columns {
		var one Compared
		for _, r := range column {
			one.Runs, one.Seeds = append(one.Runs, r.dir), append(one.Seeds, r.cfg.Train.Seed)
		}
		c.Columns = append(c.Columns, one)
	}
	c.Settings = differing(columns)
	for _, m := range measures {
		c.Measures = append(c.Measures, m.over(columns))
	}
	return c, nil
}

// bySeed puts runs together that differ in their seed only, each seed once.
func bySeed(runs []*comparedRun) [][]*comparedRun {
	var columns [][]*comparedRun
	for _, r := range runs {
		i := slices.IndexFunc(columns, func(column []*comparedRun) bool {
			return hashWithout(r.cfg) == hashWithout(column[0].cfg) &&
				!slices.ContainsFunc(column, func(o *comparedRun) bool { return o.cfg.Train.Seed == r.cfg.Train.Seed })
		})
		if i < 0 {
			columns = append(columns, []*comparedRun{r})
			continue
		}
		columns[i] = append(columns[i], r)
	}
	return columns
}

// hashWithout is the identity of an experiment but for its seed.
func hashWithout(cfg *configs.Config) string {
	own := *cfg
	own.Train.Seed = 0
	return hash(&own)
}

// differing are the keys in which columns differ, in the order of the first config that has them.
func differing(columns [][]*comparedRun) []Setting {
	all := []Setting{}
	var keys []string
	for _, column := range columns {
		for _, s := range column[0].settings {
			if !slices.Contains(keys, s.Key) {
				keys = append(keys, s.Key)
			}
		}
	}
	for _, key := range keys {
		if key == seedKey && slices.ContainsFunc(columns, func(c []*comparedRun) bool { return len(c) > 1 }) || key == "description" {
			continue
		}
		s := Setting{Key: key}
		for _, column := range columns {
			s.Values = append(s.Values, column[0].value(key))
		}
		if slices.ContainsFunc(s.Values, func(v string) bool { return v != s.Values[0] }) {
			all = append(all, s)
		}
	}
	return all
}

// value is that of a key, or "-" if the config has no such key, as of a per-layer rule.
func (r *comparedRun) value(key string) string {
	for _, s := range r.settings {
		if s.Key == key {
			return strings.TrimSpace(s.Value)
		}
	}
	return "-"
}

// measure is a number of a result.
type measure struct {
	name string
	of   func(*train.Result) *float64
}

// measures are what a comparison shows, in the words of train --json.
var measures = []measure{
	{"test_top1", func(r *train.Result) *float64 { return &r.Test }},
	{"simulated_top1", func(r *train.Result) *float64 { return &r.Simulated }},
	{"float_top1", func(r *train.Result) *float64 { return r.Initial }},
	{"calibrated_top1", func(r *train.Result) *float64 { return r.Calibrated }},
	{"best_top1", func(r *train.Result) *float64 {
		if r.BestEpoch == 0 {
			return nil
		}
		return &r.BestTop1
	}},
	{"train_loss", func(r *train.Result) *float64 { return &r.TrainLoss }},
	{"images_per_second", func(r *train.Result) *float64 { return &r.ImagesPerSecond }},
	{"size_bytes", func(r *train.Result) *float64 { return new(float64(r.SizeBytes)) }},
	{"bitops", func(r *train.Result) *float64 { return new(float64(r.BitOps)) }},
}

func (m measure) over(columns [][]*comparedRun) Measure {
	out := Measure{Name: m.name}
	for _, column := range columns {
		var all []float64
		for _, r := range column {
			if v := m.of(r.result); v != nil {
				all = append(all, *v)
			}
		}
		if len(all) == 0 {
			out.Means, out.Spreads = append(out.Means, nil), append(out.Spreads, nil)
			continue
		}
		mean, spread := meanSpread(all)
		out.Means = append(out.Means, &mean)
		if len(all) > 1 {
			out.Spreads = append(out.Spreads, &spread)
		} else {
			out.Spreads = append(out.Spreads, nil)
		}
	}
	return out
}
