package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/qat-go/qat/estimators"
)

// crossRule checks keys against each other and returns what is wrong, or "".
type crossRule struct {
	paths []string // the keys involved; an error is placed at the first one given
	check func(*Config) string
}

// crossRules are made when they are first asked for: until then packages may register methods, which the table lists.
var crossRules = sync.OnceValue(func() []crossRule {
	return slices.Concat(fixedRules, targetRules, networkRules(), regularizerRules())
})

var fixedRules = []crossRule{
	{[]string{"train.optimizer.nesterov", "train.optimizer.momentum"}, nesterovNeedsMomentum},
	{[]string{"train.optimizer.momentum", "train.optimizer.kind"}, ofKind("momentum", SGD, func(o Optimizer) bool { return o.Momentum == 0.9 })},
	{[]string{"train.optimizer.nesterov", "train.optimizer.kind"}, ofKind("nesterov", SGD, func(o Optimizer) bool { return !o.Nesterov })},
	{[]string{"train.optimizer.beta1", "train.optimizer.kind"}, ofKind("beta1", Adam, func(o Optimizer) bool { return o.Beta1 == 0.9 })},
	{[]string{"train.optimizer.beta2", "train.optimizer.kind"}, ofKind("beta2", Adam, func(o Optimizer) bool { return o.Beta2 == 0.999 })},
	{[]string{"train.optimizer.eps", "train.optimizer.kind"}, ofKind("eps", Adam, func(o Optimizer) bool { return o.Eps == 1e-8 })},
	{[]string{"train.optimizer.eps"}, epsIsFloat32},
	{[]string{"train.schedule.milestones", "train.schedule.kind"}, milestonesFitKind},
	{[]string{"train.schedule.milestones"}, milestonesAscend},
	{[]string{"train.schedule.factor", "train.schedule.kind"}, factorNeedsStep},
	{[]string{"train.schedule.final", "train.schedule.kind"}, finalNeedsCosine},
	{[]string{"quant.first_last", "quant.weights.bits", "quant.activations.bits"}, firstLastFollowsFloat},
	{[]string{"quant.residual", "quant.activations.bits"}, residualFollowsFloat},
	{[]string{"quant.distillation.temperature", "quant.distillation.weight", "quant.distillation.teacher"}, distillationNeedsTeacher},
	{[]string{"model.init_key", "model.init"}, keyNeedsFile},
	{[]string{"quant.distillation.teacher_key", "quant.distillation.teacher"}, teacherKeyNeedsFile},
	{[]string{"quant.residual", "model.block"}, blockKeepsFloatStream},
	{[]string{"model.block", "quant.activations.bits"}, biRealNeedsQuantizers},
	{[]string{"quant.activations.estimator", "quant.activations.bits", "model.block"}, signsNeedBothSigns},
	{[]string{"quant.bias_correction", "train.epochs", "train.steps"}, biasCorrectionWithoutTraining},
	{[]string{"train.batch_norm_freeze", "train.epochs"}, freezeNeedsTraining},
	{[]string{"export.formats", "export.target"}, targetHasFormat},
}

func nesterovNeedsMomentum(c *Config) string {
	if o := c.Train.Optimizer; o.Nesterov && o.Momentum == 0 {
		return "train.optimizer.nesterov needs a momentum above 0"
	}
	return ""
}

// ofKind reports a key of the optimizer that another kind has, unless it is as it is by default. AdamW has the keys of Adam.
func ofKind(key string, kind OptimizerKind, usual func(Optimizer) bool) func(*Config) string {
	return func(c *Config) string {
		o := c.Train.Optimizer
		if usual(o) || o.Kind == kind || o.Kind == AdamW && kind == Adam {
			return ""
		}
		return fmt.Sprintf("train.optimizer.%s has no effect on kind %s; remove it or set kind: %s", key, o.Kind, kind)
	}
}

func epsIsFloat32(c *Config) string {
	if eps := c.Train.Optimizer.Eps; float32(eps) == 0 {
		return fmt.Sprintf("train.optimizer.eps: %v is 0 in float32; wanted at least 1e-45", eps)
	}
	return ""
}

func milestonesFitKind(c *Config) string {
	s := c.Train.Schedule
	switch {
	case s.Kind == Step && len(s.Milestones) == 0:
		return "train.schedule.kind step needs train.schedule.milestones, such as [5ep, 8ep]"
	case s.Kind != Step && len(s.Milestones) > 0:
		return fmt.Sprintf("train.schedule.milestones has no effect on kind %s; remove it or set kind: step", s.Kind)
	}
	return ""
}

func milestonesAscend(c *Config) string {
	m := c.Train.Schedule.Milestones
	for i := 1; i < len(m); i++ {
		if m[i].Unit != m[0].Unit || m[i].Value <= m[i-1].Value {
			return fmt.Sprintf("train.schedule.milestones: wanted ascending durations in one unit, found %v after %v", m[i], m[i-1])
		}
	}
	return ""
}

func factorNeedsStep(c *Config) string {
	if s := c.Train.Schedule; s.Kind != Step && s.Factor != 0.1 {
		return fmt.Sprintf("train.schedule.factor has no effect on kind %s; remove it or set kind: step", s.Kind)
	}
	return ""
}

func finalNeedsCosine(c *Config) string {
	if s := c.Train.Schedule; s.Kind != Cosine && s.Final != 0 {
		return fmt.Sprintf("train.schedule.final has no effect on kind %s; remove it or set kind: cosine", s.Kind)
	}
	return ""
}

func firstLastFollowsFloat(c *Config) string {
	if q := &c.Quant; q.float() && q.FirstLast != FP && q.FirstLast != Same {
		return fmt.Sprintf("quant.first_last is %v in a network whose weights and activations are fp; set it to fp or remove it", q.FirstLast)
	}
	return ""
}

func residualFollowsFloat(c *Config) string {
	if q := c.Quant; q.Activations.Bits == FP && q.Residual != FP {
		return fmt.Sprintf("quant.residual is %v while quant.activations.bits is fp; set it to fp or remove it", q.Residual)
	}
	return ""
}

func distillationNeedsTeacher(c *Config) string {
	if d := c.Quant.Distillation; !d.On() && (d.Temperature != 4 || d.Weight != 0.5) {
		return "quant.distillation has no effect without a teacher; set quant.distillation.teacher, such as embedded:resnet20_cifar10, or remove the rest"
	}
	return ""
}

func keyNeedsFile(c *Config) string {
	if m := c.Model; m.InitKey != "" && (m.Init == RandomInit || strings.HasPrefix(m.Init, EmbeddedInit)) {
		return fmt.Sprintf("model.init_key has no effect on model.init %s; name a file there or remove it", m.Init)
	}
	return ""
}

func teacherKeyNeedsFile(c *Config) string {
	if d := c.Quant.Distillation; d.TeacherKey != "" && (!d.On() || strings.HasPrefix(d.Teacher, EmbeddedInit)) {
		return fmt.Sprintf("quant.distillation.teacher_key has no effect on the teacher %s; name a file there or remove it", d.Teacher)
	}
	return ""
}

func targetHasFormat(c *Config) string {
	e := c.Export
	if len(e.Formats) == 0 || slices.ContainsFunc(e.Formats, func(f Format) bool { return f.TargetFor(e.Target) == e.Target }) {
		return ""
	}
	f := e.Formats[0]
	return fmt.Sprintf("export.formats: %s computes with target %s only, while export.target, whose accuracy is reported, is %s; set export.target: %s, or add a format that has %s",
		f, f.Targets()[0], e.Target, f.Targets()[0], e.Target)
}

// tensorRule checks the keys of one quantizer against each other.
type tensorRule struct {
	keys  []string
	check func(s TensorSpec, weights bool) string
}

var tensorRules = []tensorRule{
	{[]string{"bits", "estimator"}, oneBitNeedsBinary},
	{[]string{"estimator", "bits", "ste", "options", "signed"}, estimatorFits},
	{[]string{"granularity", "estimator", "bits"}, granularityFits},
	{[]string{"calibration", "calibration_options", "estimator", "bits"}, calibrationFits},
}

func oneBitNeedsBinary(s TensorSpec, weights bool) string {
	m, err := estimators.MethodNamed(string(s.Estimator))
	signed := weights || s.Signed == SignedTrue || s.Signed == SignedAuto && !s.Static()
	switch {
	case err != nil || s.Bits != 1 || !signed || m.SignedBits < 2:
		return ""
	case weights:
		return fmt.Sprintf("bits: 1 with estimator %s: the only signed levels are -1 and 0; set a binary method such as bwn, xnor or bnn", s.Estimator)
	}
	return fmt.Sprintf("bits: 1 with estimator %s: the only signed levels are -1 and 0; set signed: false for the levels 0 and 1, or a binary method such as sign", s.Estimator)
}

// check runs every rule whose keys could be read.
func (l *loader) check(doc *document, c *Config, root Pos) {
	for _, r := range crossRules() {
		if msg := r.check(c); msg != "" && doc.readable(r.paths) {
			l.report(doc.firstGiven(r.paths, root), "%s", msg)
		}
	}
	l.checkTensor(doc, "quant.weights", c.Quant.Weights, true, root)
	l.checkTensor(doc, "quant.activations", c.Quant.Activations, false, root)
	for _, r := range c.Quant.Layers {
		p := rulePath(r.Pattern.String())
		l.checkTensor(doc, p+".weights", r.Weights.Apply(c.Quant.Weights), true, Pos{})
		l.checkTensor(doc, p+".activations", r.Activations.Apply(c.Quant.Activations), false, Pos{})
	}
	if doc.readable(networkPaths) {
		c.checkLayers(&l.errs)
	}
}

// checkLayers finds mistakes of a network of one's own, and of rules for layers, unless it is not known what layers there are.
func (c *Config) checkLayers(errs *ErrorList) {
	if c.Model.Network != nil {
		var mistakes ErrorList
		if _, err := c.Network(); errors.As(err, &mistakes) {
			*errs = append(*errs, mistakes...)
		}
	}
	names := c.LayerNames()
	if len(names) == 0 {
		return
	}
	*errs = append(*errs, c.Quant.unmatched(names)...)
	if len(*errs) == 0 {
		for _, name := range names {
			c.Quant.checkLayer(name, errs)
		}
	}
}

// Fits finds what [Load] could not know before the data set said what its examples are. The error is an [ErrorList].
func (c *Config) Fits() error {
	if c == nil {
		return errors.New("there is no config; want one of Load")
	}
	var errs ErrorList
	for _, r := range slices.Concat(statisticRules(), []crossRule{{[]string{"quant.concat"}, concatHasParts}, {[]string{"model.arch", "data.dataset"}, networkMistake}}) {
		if msg := r.check(c); msg != "" {
			errs = append(errs, Error{Pos: c.Mistake(r.paths[0], "").Pos, Message: msg})
		}
	}
	c.checkLayers(&errs)
	for i := range c.Quant.Schedule {
		c.InStage(i).checkLayers(&errs)
	}
	if len(c.Quant.Schedule) > 0 {
		errs = append(errs, c.stageMistakes()...)
	}
	if len(errs) > 0 {
		return errs.Sorted()
	}
	return nil
}

// checkTensor checks the quantizer at path. A per-layer rule that gives none of
// the keys involved is not to blame; it has no fallback place either.
func (l *loader) checkTensor(doc *document, path string, spec TensorSpec, weights bool, fallback Pos) {
	for _, r := range tensorRules {
		var paths []string
		for _, k := range r.keys {
			paths = append(paths, subPath(path, k))
		}
		msg := r.check(spec, weights)
		if at := doc.firstGiven(paths, fallback); msg != "" && at != (Pos{}) && doc.readable(paths) {
			l.report(at, "%s: %s", path, msg)
		}
	}
}

// checkLayer finds what no single rule is to blame for: several together.
func (q *Quant) checkLayer(name string, errs *ErrorList) {
	rules := q.matching(name)
	if len(rules) < 2 {
		return // checked alone
	}
	weights, activations := q.Resolve(name, false, false)
	last := rules[len(rules)-1]
	for _, r := range tensorRules {
		if msg := r.check(weights, true); msg != "" {
			errs.Report(last.Pos, "layer %s, by all its rules together: weights: %s", name, msg)
		}
		if msg := r.check(activations, false); msg != "" {
			errs.Report(last.Pos, "layer %s, by all its rules together: activations: %s", name, msg)
		}
	}
}

func (d *document) readable(paths []string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return d.values[p].bad })
}

func (d *document) firstGiven(paths []string, fallback Pos) Pos {
	for _, p := range paths {
		if s, given := d.values[p]; given {
			return s.pos
		}
	}
	return fallback
}
