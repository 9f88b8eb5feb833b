package train

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
)

// Stage is a stage of a run's timeline: see [configs.Stage].
type Stage struct {
	Stage   int       `json:"stage"`             // from 1
	Step    int       `json:"step"`              // optimizer steps done when it begins
	Changed []Changed `json:"changed,omitempty"` // of the quant section and of what else the stage says, beside the one before
}

// quant is the section that the network is quantized by.
func (m *Model) quant() *configs.Quant {
	if stages := m.Config.Quant.Schedule; len(stages) > 0 {
		return &stages[m.stage].Quant
	}
	return &m.Config.Quant
}

// at builds the network of a stage anew, or that of bit widths which training has learned.
func (m *Model) at(stage int) (err error) {
	if m.stage = stage; len(m.Config.Quant.Schedule)+len(m.learned) == 0 {
		return nil
	}
	if m.Net, err = newNetwork(m.given(), m.Net.Shape(), m.Net.Input); err == nil {
		m.freeze(m.Net)
	}
	return err
}

// freeze has a network of the stage leave as it is what the stage freezes.
func (m *Model) freeze(net *layers.Network) {
	if len(m.Config.Quant.Schedule) == 0 {
		return
	}
	what := m.Config.Quant.Schedule[m.stage].Freeze
	if len(what) == 0 {
		return
	}
	net.Freeze(func(node string, group networks.Group) bool {
		return slices.ContainsFunc(what, func(s string) bool {
			g, err := configs.ParseGlob(s)
			return s == string(group) || err == nil && g.Match(node)
		})
	})
}

// stagesUntil lists the stages that have begun by step, of a run whose schedule has ends: the first, and those after it.
func stagesUntil(cfg *configs.Config, ends []int, stage int) (all []Stage) {
	for i := range min(stage+1, len(ends)) {
		s := Stage{Stage: i + 1}
		if i > 0 {
			s.Step, s.Changed = ends[i-1], stageChanges(cfg, i)
		}
		all = append(all, s)
	}
	return all
}

// stageChanges lists what a stage changes, beside the one before it.
func stageChanges(cfg *configs.Config, i int) []Changed {
	all := changes(cfg.InStage(i-1), cfg.InStage(i))
	then, now := cfg.Quant.Schedule[i-1], cfg.Quant.Schedule[i]
	for _, c := range []Changed{
		{"only", then.Only.String(), now.Only.String()},
		{"freeze", strings.Join(then.Freeze, ", "), strings.Join(now.Freeze, ", ")},
	} {
		if c.Then != c.Now {
			all = append(all, c)
		}
	}
	return all
}

// spans lists where the learning rate's schedule begins: at the start, and with the stages that restart it.
func spans(q *configs.Quant, ends []int) []int {
	begins := []int{0}
	for i, s := range q.Schedule {
		if i > 0 && s.LR == configs.LRRestart {
			begins = append(begins, ends[i-1])
		}
	}
	return begins
}

// span is what the learning rate goes by after a step, of a run of so many as its schedules see it, and the step after which
// that begins.
func span(t *configs.Train, begins []int, step, total int) (*configs.Train, int) {
	i := len(begins) - 1
	for begins[i] > step {
		i--
	}
	if len(begins) == 1 {
		return t, 0
	}
	end := total
	if i+1 < len(begins) {
		end = begins[i+1]
	}
	part := *t
	part.Epochs, part.Steps = 0, end-begins[i]
	return &part, begins[i]
}

// stageEnd is the step after which the stage ends.
func (r *run) stageEnd() int {
	if len(r.ends) == 0 {
		return r.st.Total
	}
	return r.ends[r.stage]
}

// fitsStages reports a state in which no run with these stages can be.
func (st state) fitsStages(ends []int) error {
	if len(ends) == 0 {
		return nil
	}
	begin := 0
	if st.Stage > 0 {
		begin = ends[st.Stage-1]
	}
	if st.Step < begin || st.Step > ends[st.Stage] {
		return fmt.Errorf("metadata \"state\": step %d cannot be in stage %d, which has steps %d to %d", st.Step, st.Stage+1, begin+1, ends[st.Stage])
	}
	return nil
}

// nextStage goes on in the next stage: over the same arrays, with its quantizers. A checkpoint is from before, so that what ends
// the process here loses nothing; what follows is the same whenever it is done.
func (r *run) nextStage(ctx context.Context) error {
	if err := r.checkpoint(); err != nil {
		return err
	}
	said, err := Await(ctx, func() (string, error) { return r.switchStage(ctx) })
	if err != nil {
		return interrupted(ctx, fmt.Errorf("stage %d: %w", r.st.Stage+1, err))
	}
	began := stagesUntil(r.Config, r.ends, r.stage)[r.stage]
	var what []string
	for _, c := range began.Changed {
		what = append(what, fmt.Sprintf("%s %s, before %s", c.Key, c.said(c.Now), c.said(c.Then)))
	}
	r.opt.Progress.Message("stage %d of %d after step %d: %s", r.stage+1, len(r.ends), r.st.Step, strings.Join(append(what, said), "; "))
	return r.metrics.stage(began)
}

// said is a value of what a stage changes, in words.
func (c Changed) said(value string) string {
	return cmp.Or(value, map[string]string{"only": "all layers", "freeze": "nothing"}[c.Key], "none")
}

// switchStage is nextStage but for what it tells, and says what became of the quantizers.
func (r *run) switchStage(ctx context.Context) (string, error) {
	before, averages := r.Net, r.average
	r.stage++
	stage := r.Config.Quant.Schedule[r.stage]
	net, err := r.over(before.Store, stage.Scales)
	if err != nil {
		return "", err
	}
	r.Net = net
	net.SetProgress(r.st.Step, r.st.History.progress(r.st.Step, r.st.Total))
	rescaled := 0
	if stage.Scales == configs.ScalesRescale {
		if rescaled, err = net.Rescale(before); err != nil {
			return "", err
		}
	}
	anew := 0
	for _, q := range net.Quantizers {
		if !q.Calibrated() {
			anew++
		}
	}
	r.optimizer = r.optimizer.over(&r.Config.Train, net.Store)
	frozen := r.Config.Train.BatchNormFreeze.Steps(r.perEpoch(), r.Config.Train.Total(r.perEpoch()))
	if err := r.calibrateWith(ctx, frozen > 0 && r.st.Step >= frozen); err != nil {
		return "", err
	}
	if err := r.reestimate(ctx, stage.Renorms); err != nil {
		return "", err
	}
	if averages != nil {
		if r.average, err = r.averageOver(averages.Net.Store, stage.Scales); err != nil {
			return "", err
		}
	}
	r.st.Stage, r.st.BestTop1, r.st.BestEpoch = r.stage, 0, 0 // of this stage's network
	kept := len(net.Quantizers) - anew - rescaled
	return fmt.Sprintf("quantizers: %d kept, %d rescaled, %d calibrated", kept, rescaled, anew), nil
}

// given is the config of the network: that of the stage, with the bit widths that training has learned.
func (m *Model) given() *configs.Config { return m.Config.InStage(m.stage).WithBits(m.learned) }

// over builds the network of the stage over arrays.
func (m *Model) over(store *layers.Store, scales configs.Scales) (*layers.Network, error) {
	cfg := m.given()
	graph, err := cfg.Model.Build(m.Net.Shape(), len(m.Net.Input.Classes))
	if err != nil {
		return nil, err
	}
	if scales == configs.ScalesCalibrate {
		store = store.WithoutQuantizers()
	}
	net, err := layers.Over(store, graph, &cfg.Quant, m.Net.Input, cfg.Train.Seed)
	if err == nil {
		m.freeze(net)
	}
	return net, untrainable(cfg, err)
}

// averageOver returns the model of averages of a new stage. What its network begins anew is its own average.
func (m *Model) averageOver(store *layers.Store, scales configs.Scales) (*Model, error) {
	net, err := m.over(store, scales)
	if err != nil {
		return nil, err
	}
	for _, a := range net.Store.All() {
		if old := store.Array(a.Name); old == nil || old.Value != a.Value {
			copy(a.Data(), m.Net.Store.Array(a.Name).Data())
		}
	}
	a := *m
	a.Net, a.average = net, nil
	m.Net.Store.Average = net.Store
	return &a, nil
}
