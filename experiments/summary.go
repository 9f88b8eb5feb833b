package experiments

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/qat-go/qat/configs"
)

// Summary is a cell with what its runs measured. Accuracies and drops are in percent, as papers have them.
type Summary struct {
	Cell    *Cell
	Results []*Result // by seed
	Mean    float64   // of Results; 0 without any
	// Spread is the standard deviation over the seeds, of a sample; 0 of fewer than two.
	Spread float64
	// Float and Drop are means over the seeds whose float twin was measured, too; nil if none was.
	Float, Drop *float64
	Same        string   // the cell before it that is the same experiment, and shares its results; "" if none is
	Stale       []string // why results are not of the version of most, or of the others' data
}

// Summarize reads the results in a table's folder. A cell without results has none.
func Summarize(t *Table, cells []*Cell, seeds []uint64, dir string) ([]*Summary, error) {
	if err := errors.Join(t.check(), checkCells(cells)); err != nil {
		return nil, err
	}
	results, err := readResults(dir)
	if err != nil {
		return nil, err
	}
	var all []*Summary
	data, version := checksums{}, mostVersion(results)
	first := map[string]string{} // the name of the first cell of each experiment
	for _, c := range cells {
		s := &Summary{Cell: c}
		experiment := hash(c.Config)
		if s.Same = first[experiment]; s.Same == "" {
			first[experiment] = c.Name()
		}
		var floats, drops []float64
		count := func(r *Run, res *Result, what string) {
			for _, why := range []string{res.differs("where most are of", version), data.differ(r, res)} {
				if why != "" && !slices.Contains(s.Stale, what+why) {
					s.Stale = append(s.Stale, what+why)
				}
			}
		}
		for _, seed := range seeds {
			r := c.run(seed)
			res, ok := results[r.Hash]
			if !ok {
				continue
			}
			count(r, res, "")
			s.Results = append(s.Results, res)
			twin, err := r.twin()
			if err != nil {
				return nil, err
			}
			if twin == nil || results[twin.Hash] == nil {
				continue
			}
			count(twin, results[twin.Hash], "float network ")
			float := 100 * results[twin.Hash].Test
			floats, drops = append(floats, float), append(drops, float-100*res.Test)
		}
		slices.SortFunc(s.Results, func(a, b *Result) int { return cmp.Compare(a.Seed, b.Seed) })
		var tests []float64
		for _, res := range s.Results {
			tests = append(tests, 100*res.Test)
		}
		s.Mean, s.Spread = meanSpread(tests)
		if len(drops) > 0 {
			float, _ := meanSpread(floats)
			drop, _ := meanSpread(drops)
			s.Float, s.Drop = &float, &drop
		}
		all = append(all, s)
	}
	return all, nil
}

// mostVersion is the version of the program that made most of the results; of as many, the latest by name.
func mostVersion(results map[string]*Result) (most string) {
	count := map[string]int{}
	for _, res := range results {
		count[res.Version]++
	}
	for version, n := range count {
		if c := cmp.Compare(n, count[most]); c > 0 || c == 0 && version > most {
			most = version
		}
	}
	return most
}

// checkSummaries reports cells that Summarize did not make.
func checkSummaries(t *Table, cells []*Summary) error {
	err := t.check()
	for _, s := range cells {
		if err == nil && (s == nil || s.Cell == nil || s.Cell.Config == nil || len(s.Cell.Values) != len(t.Axes)) {
			return errors.New("a cell is none of the table; want cells of experiments.Summarize")
		}
	}
	return err
}

// meanSpread is the mean and the standard deviation of a sample.
func meanSpread(v []float64) (mean, spread float64) {
	if len(v) == 0 {
		return 0, 0
	}
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	if len(v) < 2 {
		return mean, 0
	}
	for _, x := range v {
		spread += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(spread / float64(len(v)-1))
}

// PublishedDrop is the drop that the source reports; nil if it has no float network beside it.
func (p *Published) PublishedDrop() *float64 {
	if p == nil || p.Float == nil {
		return nil
	}
	return new(math.Round(1e6*(*p.Float-p.Top1)) / 1e6) // of decimal numbers
}

// Verdict compares a measured accuracy with the published one.
type Verdict string

// The verdicts.
const (
	Unknown Verdict = ""       // one of the two is missing
	Below   Verdict = "below"  // by more than Tolerance
	Within  Verdict = "within" // Tolerance
	Above   Verdict = "above"  // by more than Tolerance
)

// Tolerance is how many points of accuracy count as equal: re-trainings of the same method in the literature scatter by more.
const Tolerance = 0.5

// Verdict compares the mean with the published accuracy.
func (s *Summary) Verdict() Verdict {
	if s == nil || s.Cell == nil || s.Cell.Published == nil || len(s.Results) == 0 {
		return Unknown
	}
	switch d := s.Mean - s.Cell.Published.Top1; {
	case d < -Tolerance:
		return Below
	case d > Tolerance:
		return Above
	}
	return Within
}

// Deviations are what a reader has to know of the cell: how its ends are treated against the source, epochs that a budget took,
// a cell that it shares its results with, and the table's own note.
func (s *Summary) Deviations() []string {
	var all []string
	add := func(text string) {
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if s == nil || s.Cell == nil || s.Cell.Config == nil {
		return nil
	}
	if p := s.Cell.Published; p != nil {
		ours := ends(s.Cell.Config)
		if p.FirstLast != "" && p.FirstLast != ours && p.FirstLast != "unknown" {
			add("ends: " + ours + ", published with " + p.FirstLast)
		}
		if p.Confidence == "recalled" {
			add("the published number was not checked at its source")
		}
	}
	for _, res := range s.Results {
		if res.Length != res.FullLength {
			add(fmt.Sprintf("%s of %s, by the budget", res.Length, res.FullLength))
		}
		if res.NotInteger != "" {
			add("simulation: " + res.NotInteger)
		}
	}
	if s.Same != "" {
		add("the same experiment as " + s.Same)
	}
	for _, why := range s.Stale {
		add(why)
	}
	add(s.Cell.Note)
	return all
}

// Recipe is where the cell's config departs from the sources that it names by presets, but for epochs, key by key.
func (c *Cell) Recipe() []string {
	if c == nil || c.Config == nil {
		return nil
	}
	var all []string
	for _, r := range c.Config.References() {
		for _, d := range r.Deviations {
			if text := fmt.Sprintf("%s %s, there %s", d.Key, d.Here, d.There); d.Key != "train.epochs" && !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	return all
}

// ends says how the first and the last layer are treated, in the words of files with published numbers.
func ends(cfg *configs.Config) string {
	q := cfg.Final().Quant
	switch {
	case q.FirstLast == configs.FP:
		return "fp"
	case q.FirstLast == 8:
		return "8bit"
	}
	return "quantized"
}
