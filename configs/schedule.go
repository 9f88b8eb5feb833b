package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/syntax"
)

// Stage is a part of training, in which the network is quantized by a section of its own.
type Stage struct {
	For     Duration // its length; the zero value: what the others leave
	Only    Glob     // the layers that are quantized; [NoLayers] is none of them, the zero value all
	Scales  Scales
	Freeze  []string // groups of parameters, or globs over nodes of the network
	LR      StageLR
	Renorms int // batches on which batch norm is measured anew as the stage begins; 0: none

	// Quant is the config's section with what the stage changes of it, without a schedule.
	Quant Quant
	Pos   Pos

	add    added     // while it is read
	doc    *document // what the stage changes, under the key paths of a config
	config *Config   // that it makes
}

// Scales says what quantizers begin a stage with.
type Scales string

// StageLR says what a stage does to the learning rate.
type StageLR string

const (
	ScalesKeep      Scales = "keep"      // what is quantized as before stays, the others are calibrated
	ScalesRescale   Scales = "rescale"   // those of which the bits alone change follow from what they were
	ScalesCalibrate Scales = "calibrate" // all begin anew

	LRContinue StageLR = "continue"
	LRRestart  StageLR = "restart"

	// NoLayers is the [Stage.Only] of a network that is not quantized.
	NoLayers = "none"
)

// maxStages is more than one for each layer of the deepest network of the zoo.
const maxStages = 200

// stageKeys are the keys of the quant section that a stage may change.
var stageKeys = []string{"weights", "activations", "first_last", "residual", "layers"}

// stageFields are the rows of a stage: its own, and those of the quant section.
func stageFields(quant []field) []field {
	fields := []field{
		{key: "for", doc: "How long the stage lasts. Stages follow each other and add up to `train.epochs`, or `train.steps`; one of them may leave it out, and takes what the others leave.", kind: duration{positive: true}, stage: func(s *Stage) any { return &s.For }},
		{key: "only", doc: "Quantizes the layers that the glob matches, and leaves the others in floating point; `none` leaves the whole network there.", kind: globKind{}, stage: func(s *Stage) any { return &s.Only }},
		{key: "add", doc: "Stands for several stages, each `for` so long: the first one has `only` the first glob, the next ones one glob more each. With `table`, a file that `qat sensitivity --json` wrote (relative to the working directory), layers are added from the one that loses the least at the fewest bits that were measured by `method`, by default the first in the file, in `parts` of as many layers; by default one by one.", kind: additions{}, stage: func(s *Stage) any { return &s.add }},
		{key: "scales", doc: "What quantizers begin the stage with: `keep` leaves those that quantize as before what they have learned, and calibrates the others (`calibration`); `rescale` also takes over what those have learned whose bits alone change ([mixed_precision.md](mixed_precision.md#what-a-switch-does)), `calibrate` calibrates all of them.", kind: enum[Scales]{values: []Scales{ScalesKeep, ScalesRescale, ScalesCalibrate}}, def: ScalesKeep, stage: func(s *Stage) any { return &s.Scales }},
		{key: "freeze", doc: "What the stage leaves as it is: groups of parameters as `train.groups` has them (`weights`, `batch_norm` with its running statistics, `bias`, `scales`), and globs over the network's nodes, with all that they and their quantizers learn.", kind: list[string]{text{"a group of train.groups, or a glob over nodes such as layer1.*", nonEmpty}}, def: []string{}, stage: func(s *Stage) any { return &s.Freeze }},
		{key: "lr", doc: "`restart` begins the schedule of the learning rate anew, to end where the next stage restarts it, or with the run; `continue` goes on with it.", kind: enum[StageLR]{values: []StageLR{LRContinue, LRRestart}}, def: LRContinue, stage: func(s *Stage) any { return &s.LR }},
		{key: "batch_norm_reestimation", doc: "Training batches on which batch norm's running statistics are taken anew as the stage begins; 0 is off.", kind: integer{0, maxInt}, def: 0, stage: func(s *Stage) any { return &s.Renorms }},
	}
	for _, f := range quant {
		if slices.Contains(stageKeys, f.key) {
			f.doc = "As `quant." + f.key + "`; only what is given changes."
			fields = append(fields, f)
		}
	}
	return fields
}

// globKind is a Glob.
type globKind struct{}

func (globKind) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.String {
		return nil, errKind
	}
	return ParseGlob(n.Text)
}
func (globKind) format(v any) string    { return syntax.Quote(v.(Glob).text) }
func (globKind) describe() string       { return "a glob over layer names such as layer3.*, or none" }
func (globKind) schema() map[string]any { return map[string]any{"type": "string"} }

// stages is a schedule, as []Stage: a list of maps with fields.
type stages struct{ fields []field }

const schedulePath = "quant.schedule"

func (k stages) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.List {
		return nil, errKind
	}
	if len(n.Items) > maxStages {
		return nil, fmt.Errorf("%d stages; wanted at most %d", len(n.Items), maxStages)
	}
	all, l := []Stage{}, newLoader()
	for _, item := range n.Items {
		if item.Kind != syntax.Map {
			if item.Kind != syntax.Bad {
				l.report(item.Pos, "wanted a stage, a map with keys %s; found %s", keyList(k.fields), item.Describe())
			}
			continue
		}
		own := newDocument()
		l.section(own, item, k.fields, "")
		l.expand(own)
		s := Stage{Pos: item.Pos, doc: &document{values: map[string]setting{}, rules: own.rules}}
		for _, f := range k.fields {
			if v, given := own.values[f.key]; f.stage != nil && given && !v.bad {
				assign(f.stage(&s), v.value)
			} else if f.stage != nil && f.def != nil {
				assign(f.stage(&s), f.def)
			}
			if f.stage != nil {
				delete(own.values, f.key)
			}
		}
		for path, v := range own.values {
			if !strings.HasPrefix(path, layersPath) {
				path = "quant." + path
			}
			s.doc.values[path] = v
		}
		switch {
		case len(s.add.globs) > 0 && s.Only != Glob{}:
			l.report(item.Pos, "add says what only is; remove one of them")
		case len(s.add.globs) > 0 && s.For == Duration{}:
			l.report(item.Pos, "add wants a for, that of each stage it stands for")
		}
		all = append(all, s.split()...)
	}
	if len(all) > maxStages {
		return nil, fmt.Errorf("%d stages; wanted at most %d", len(all), maxStages)
	}
	if len(l.errs) > 0 {
		return nil, l.errs
	}
	return all, nil
}

func (k stages) format(v any) string {
	var all []string
	for _, s := range v.([]Stage) {
		all = append(all, k.flow(s))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// flow is a stage on a line: what it says itself.
func (k stages) flow(s Stage) string {
	var parts []string
	for _, f := range k.fields {
		switch {
		case f.key == "add":
		case f.stage != nil:
			v := valueAt(f.stage(&s))
			if text := f.kind.format(v); f.def == nil && v != (Duration{}) && v != (Glob{}) || f.def != nil && text != f.kind.format(f.def) {
				parts = append(parts, f.key+": "+text)
			}
		case f.each != nil:
			var rules []string
			for _, r := range s.doc.rules {
				rules = append(rules, fmt.Sprintf("%q: %s", r.glob, s.doc.flow(f.each, rulePath(r.glob.text))))
			}
			if len(rules) > 0 {
				parts = append(parts, f.key+": {"+strings.Join(rules, ", ")+"}")
			}
		default:
			if text := s.doc.flow([]field{f}, "quant"); text != "{}" {
				parts = append(parts, text[1:len(text)-1])
			}
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// flow is what a document gives of a section's fields, on a line. What presets give stands in their names.
func (d *document) flow(fields []field, path string) string {
	var parts []string
	for _, f := range fields {
		p := subPath(path, f.key)
		if f.fields != nil {
			if text := d.flow(f.fields, p); text != "{}" {
				parts = append(parts, f.key+": "+text)
			}
			continue
		}
		s, given := d.values[p]
		switch {
		case !given || s.bad || s.pos.Preset != "":
		case s.preset != "":
			parts = append(parts, f.key+": "+f.kind.format(Estimator(s.preset)))
		default:
			parts = append(parts, f.key+": "+f.kind.format(s.value))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (stages) describe() string {
	return "a list of stages [{for: 5ep, weights: {bits: 8}}, ...], each a map with the keys below"
}

func (k stages) schema() map[string]any {
	return map[string]any{"type": "array", "items": sectionSchema(k.fields), "maxItems": maxStages}
}
