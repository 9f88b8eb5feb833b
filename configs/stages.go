package configs

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/syntax"
)

// schedule makes the quant section of each stage: the config's, with what the stage changes, by the rules of any config.
func (l *loader) schedule(doc *document, c *Config, root Pos, fileName string) {
	all := c.Quant.Schedule
	var told told
	for i := range all {
		s := &all[i]
		merged := newDocument()
		merged.merge(doc)
		delete(merged.values, schedulePath)
		merged.merge(s.doc)
		merged.followFloat(s.doc)
		own := &loader{meant: l.meant}
		s.config = own.build(merged, root, fileName)
		s.Quant = s.config.Quant
		if s.Only.text == NoLayers {
			s.Quant.unquantize()
		} else {
			s.Quant.only = s.Only
		}
		s.config.Quant = s.Quant
		for _, e := range own.errs {
			if slices.Contains(l.errs, e) || !told.first(i, *s, e.Pos.String()+e.Message) {
				continue // of the config, whatever the stage
			}
			if !s.doc.has(e.Pos) {
				e.Pos = s.Pos
			}
			l.report(e.Pos, "stage %d: %s", i+1, e.Message)
		}
	}
	if len(all) > 0 && !doc.values[schedulePath].bad {
		l.errs = append(l.errs, c.stageMistakes()...)
	}
}

// told is what was reported of stages.
type told map[string]bool

// first tells that a message was not reported of another of the stages that one with add stands for.
func (t *told) first(i int, s Stage, message string) bool {
	key := fmt.Sprint(i-s.add.part, " ", message)
	if (*t)[key] {
		return false
	}
	if *t == nil {
		*t = told{}
	}
	(*t)[key] = true
	return true
}

// followFloat drops what the stage does not give itself and says nothing of floats.
func (d *document) followFloat(stage *document) {
	float := func(what string) bool { return d.values["quant."+what+".bits"].value == FP }
	drop := func(path string) {
		if _, given := stage.values[path]; !given {
			delete(d.values, path)
		}
	}
	if float("activations") {
		drop("quant.residual")
	}
	if float("activations") && float("weights") {
		drop("quant.first_last")
	}
	if float("weights") {
		for path := range d.values {
			if strings.HasPrefix(path, "quant.regularizers.") {
				delete(d.values, path)
			}
		}
	}
}

// unquantize leaves the network in floating point.
func (q *Quant) unquantize() {
	q.Weights.Bits, q.Activations.Bits, q.FirstLast, q.Residual, q.Concat, q.Layers, q.Gradients.Bits = FP, FP, FP, FP, ConcatShared, nil, FP
	for i := range q.Regularizers {
		q.Regularizers[i].Options = nil
	}
}

// has tells that something stands at a place.
func (d *document) has(at Pos) bool {
	for _, s := range d.values {
		if s.pos == at {
			return true
		}
	}
	return slices.ContainsFunc(d.rules, func(r ruleHead) bool { return r.pos == at })
}

// stageMistakes finds what is wrong with the stages as such: their lengths, and names that nothing has.
func (c *Config) stageMistakes() (errs ErrorList) {
	var told told
	report := func(i int, format string, args ...any) {
		s, msg := c.Quant.Schedule[i], fmt.Sprintf(format, args...)
		if told.first(i, s, msg) {
			errs.Report(s.Pos, "stage %d: %s", i+1, msg)
		}
	}
	if !c.Train.Trains() {
		report(0, "quant.schedule has no effect without training; remove it or raise train.epochs")
	}
	rest := -1
	for i, s := range c.Quant.Schedule {
		switch {
		case s.For != Duration{}:
		case rest >= 0:
			report(i, "it has no for, and neither has stage %d; one stage can take what the others leave", rest+1)
		default:
			rest = i
		}
		if learner := s.Quant.bitLearner(); learner != "" {
			report(i, "estimator %s learns bit widths, which takes a run without stages; remove quant.schedule, or set another estimator", learner)
		}
		if i == 0 && (s.Scales != ScalesKeep || s.LR != LRContinue || s.Renorms > 0) {
			report(i, "scales, lr and batch_norm_reestimation say what changes as a stage begins, and nothing is before the first; remove them there")
		}
	}
	if share, known := c.Quant.share(&c.Train); known {
		if msg := sumMistake(share > 1+1e-9, share < 1-1e-9, rest < 0); msg != "" && c.Train.Trains() {
			report(len(c.Quant.Schedule)-1, "%s (%s of %v)", msg, formatFloat(math.Round(share*1e6)/1e4)+"%", c.Train.Length())
		}
	}
	n, err := c.Network()
	if err != nil {
		return errs // it is not known what layers there are, or a mistake that is reported
	}
	names, nodes := c.LayerNames(), []string{}
	for _, node := range n.Nodes {
		nodes = append(nodes, node.Name)
	}
	for i, s := range c.Quant.Schedule {
		for _, msg := range s.onlyMistakes(names) {
			report(i, "%s", msg)
		}
		for _, what := range s.Freeze {
			if g, err := ParseGlob(what); err != nil {
				report(i, "freeze: %v", err)
			} else if !slices.Contains(freezable, networks.Group(what)) {
				for _, msg := range g.unmatched("node, and is none of weights, batch_norm, bias, scales", nodes, syntax.Suggest(what, groupNames())) {
					report(i, "freeze: %s", msg)
				}
			}
		}
		for _, msg := range s.clashes(names) {
			report(i, "%s", msg)
		}
	}
	return errs
}

// groupNames are those of freezable.
func groupNames() (names []string) {
	for _, g := range freezable {
		names = append(names, string(g))
	}
	return names
}

// freezable are the groups of parameters that a stage can name.
var freezable = []networks.Group{networks.WeightsGroup, networks.BatchNormGroup, networks.BiasGroup, networks.ScalesGroup}

// sumMistake says what is wrong with lengths that add up to more, or to less, than the run; full tells that no stage takes the rest.
func sumMistake(more, less, full bool) string {
	switch {
	case more:
		return "the stages are longer than the run; shorten one of them"
	case less && full:
		return "the stages are shorter than the run; leave out the for of one of them, which then takes the rest"
	case !full && !less:
		return "the stages leave nothing to the one without for; shorten one of them"
	}
	return ""
}

// share is the part of the run that the lengths of stages add up to, if that is known without its number of steps.
func (q *Quant) share(t *Train) (share float64, known bool) {
	for _, s := range q.Schedule {
		switch s.For.Unit {
		case Percent:
			share += s.For.Value / 100
		case Epochs:
			if t.Steps > 0 || t.Epochs == 0 {
				return 0, false
			}
			share += s.For.Value / float64(t.Epochs)
		case Iterations:
			if t.Steps == 0 {
				return 0, false
			}
			share += s.For.Value / float64(t.Steps)
		}
	}
	return share, true
}

// clashes says where a rule of the stage gives way to one of quant.layers that names the layer more closely.
func (s *Stage) clashes(names []string) (all []string) {
	if s.Only.text == NoLayers {
		if len(s.doc.rules)+len(s.doc.values) > 0 {
			all = []string{"only: none leaves the whole network in floating point; remove what the stage says of bits and methods"}
		}
		return all
	}
	for _, head := range s.doc.rules {
		for _, name := range names {
			if !head.glob.Match(name) {
				continue
			}
			for _, what := range []string{"weights", "activations"} {
				for _, f := range activationTable() {
					if _, given := s.doc.values[rulePath(head.glob.text)+"."+what+"."+f.key]; !given {
						continue
					}
					last := s.Quant.lastRule(name, what, f.key)
					if slices.ContainsFunc(s.doc.rules, func(r ruleHead) bool { return r.glob == last }) {
						continue
					}
					all = append(all, fmt.Sprintf("layers[%q].%s.%s has no effect on %s, of which quant.layers[%q] says it; give the rule of that name here, or remove the one there", head.glob, what, f.key, name, last))
				}
			}
		}
	}
	return all
}

// lastRule is the pattern of the rule that says a key of a layer.
func (q *Quant) lastRule(layerName, what, key string) (last Glob) {
	for _, r := range q.matching(layerName) {
		o := r.Weights
		if what == "activations" {
			o = r.Activations
		}
		if slices.Contains(o.Keys, key) {
			last = r.Pattern
		}
	}
	return last
}

// Ends lists after which steps, of a run of so many as its schedules see it, the stages end; nil without a schedule. The error
// says what is wrong with their lengths.
func (q *Quant) Ends(stepsPerEpoch, total int) ([]int, error) {
	if q == nil {
		return nil, nil
	}
	steps := func(d Duration) float64 {
		switch d.Unit {
		case Epochs:
			return d.Value * float64(stepsPerEpoch)
		case Percent:
			return d.Value * float64(total) / 100
		}
		return d.Value
	}
	sum, full := 0.0, true
	for _, s := range q.Schedule {
		sum += steps(s.For)
		full = full && s.For != Duration{}
	}
	given := int(math.RoundToEven(min(sum, math.MaxInt32)))
	if msg := sumMistake(given > total, given < total, full); msg != "" && len(q.Schedule) > 0 {
		return nil, fmt.Errorf("%s (%d of %d steps)", msg, given, total)
	}
	var ends []int
	at, before := 0.0, 0
	for i, s := range q.Schedule {
		if at += steps(s.For); s.For == (Duration{}) {
			at += float64(total) - sum
		}
		end := int(math.RoundToEven(at))
		if end <= before {
			return nil, fmt.Errorf("stage %d has no step: it ends after step %d, as the one before it; lengthen it", i+1, end)
		}
		ends, before = append(ends, end), end
	}
	return ends, nil
}

// InStage is the config with the quant section of one of its stages, which count from 0, in place of its own, and without a
// schedule. Without a schedule it is the config itself.
func (c *Config) InStage(i int) *Config {
	if c == nil || i < 0 || i >= len(c.Quant.Schedule) {
		return c
	}
	in, s := *c, c.Quant.Schedule[i]
	in.Quant, in.origins, in.presets = s.Quant, s.config.origins, s.config.presets
	return &in
}

// Final is the config of the last stage: of the network that a run ends with.
func (c *Config) Final() *Config {
	if c == nil {
		return c
	}
	return c.InStage(len(c.Quant.Schedule) - 1)
}
