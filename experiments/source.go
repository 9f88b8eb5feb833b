package experiments

import (
	"fmt"
	"slices"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/syntax"
)

// source is a table as its file has it.
type source struct {
	title, note   string
	config        *syntax.Node
	set           []*syntax.Node
	axes          []axisSource
	rows, columns []string
	leaveOut, add []cellSource
	seeds         []uint64
	budget        time.Duration
	published     publishedSource
	at            syntax.Pos
}

type axisSource struct {
	name   string
	pos    syntax.Pos
	values []valueSource
}

// valueSource is what a value of an axis means to a run, or what a cell of its own adds to its values.
type valueSource struct {
	name      string
	pos       syntax.Pos
	config    *syntax.Node // in place of the table's; nil: that
	set       []*syntax.Node
	published map[string]string // columns and what they have to have; nil: no published number
	epochs    int               // that the source of the published number trained; 0: not known
	note      string
	only      *syntax.Node // the values of other axes that it goes with, by axis; nil: all
	goes      map[string][]string
}

// cellSource is an entry of leave_out or add.
type cellSource struct {
	valueSource
	values map[string][]string // by axis
}

type publishedSource struct {
	files []*syntax.Node // beside the embedded one
	where map[string]string
}

// configOf is the node that names the config of a cell.
func (s *source) configOf(values []valueSource) *syntax.Node {
	name := s.config
	for _, v := range values {
		if v.config != nil {
			name = v.config
		}
	}
	return name
}

// settings are the maps over a cell's config, the strongest last.
func (s *source) settings(values []valueSource) []*syntax.Node {
	all := slices.Clone(s.set)
	for _, v := range values {
		all = append(all, v.set...)
	}
	return all
}

// vary makes the config of a cell.
func (s *source) vary(file string, values []valueSource, overrides []string) (*configs.Config, error) {
	name := s.configOf(values)
	if name == nil {
		return nil, fmt.Errorf("%v: there is no config: neither the table nor a value of an axis names one", s.at)
	}
	return configs.Vary(file, name, s.settings(values), overrides)
}

// seedless reports settings of the seed, which the table's own would replace: cells that differ in it would be one.
func (s *source) seedless(d decoder, overrides []string) {
	const instead = "the seeds of a table are its key seeds, or --seeds; found train.seed"
	sets := slices.Clone(s.set)
	for _, a := range s.axes {
		if a.name == seedKey {
			d.errs.Report(a.pos, instead)
			continue
		}
		for _, v := range a.values {
			sets = append(sets, v.set...)
		}
	}
	for _, a := range s.add {
		sets = append(sets, a.set...)
	}
	for _, n := range sets {
		for _, e := range n.Entries {
			if e.Key == seedKey || e.Key == "train" && slices.ContainsFunc(e.Value.Entries, func(e syntax.Entry) bool { return e.Key == "seed" }) {
				d.errs.Report(e.Pos, instead)
			}
		}
	}
	for _, o := range overrides {
		if key, _, _ := configs.CutValue(o); key == seedKey {
			d.errs.Report(syntax.Pos{Argument: o}, instead)
		}
	}
}
