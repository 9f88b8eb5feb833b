package sensitivity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/quantize"
	"github.com/qat-go/qat/train"
)

// Width is the bits of a layer's weights and of what it reads; 0: as the config has it.
type Width struct {
	Weights     int `json:"weights"`
	Activations int `json:"activations"`
}

// Group is layers that have one width: those that read the same tensor, as the convolution on a shortcut and the first one of
// its block do (HAWQ-V3 ties these, too). Operands of a sum need no tie: they have quant.residual bits.
type Group struct {
	Layers []string `json:"layers"`
	Widths []Width  `json:"widths"` // to choose from: weights grow, then activations
}

// ErrNoChoice reports a config for none of whose layers a width can be chosen; what wraps it says why.
var ErrNoChoice = errors.New("no layer has a width to choose")

// Space is the widths that the layers of a network may have under a config, with stages that of the last one. The first layers and
// the last keep what the config gives them, and so do layers whose weights it leaves in floating point.
type Space struct {
	Groups []Group
	Fixed  []string // layers that keep what the config gives them, in order
	Notes  []string // what was left out, and why

	cfg   *configs.Config // without stages
	graph *networks.Network
	in    layers.Input
	bits  []int // growing
	apart bool
	rows  map[Width][]layers.Row // of the network with all groups at a width
}

// NewSpace returns the space of a config over a network's input, each layer at one of the widths: weights and activations at the
// same one, or apart.
func NewSpace(cfg *configs.Config, m *train.Model, widths []int, apart bool) (*Space, error) {
	if cfg == nil || m == nil || m.Net == nil {
		return nil, errors.New("there is no network to choose widths for; want a config and the model of a checkpoint")
	}
	graph, err := cfg.Model.Build(m.Net.Shape(), len(m.Net.Input.Classes))
	if err != nil {
		return nil, err
	}
	s := &Space{cfg: cfg.Final(), graph: graph, in: m.Net.Input, bits: growing(widths), apart: apart, rows: map[Width][]layers.Row{}}
	if cfg.Quant.Target.On() {
		return nil, fmt.Errorf("%w: the config has training learn them, for quant.target", ErrNoChoice)
	}
	if err := s.group(); err != nil {
		return nil, err
	}
	if err := s.lasts(cfg.Quant.Schedule); err != nil {
		return nil, err
	}
	return s, nil
}

// lasts reports a stage that gives a layer other bits than the last one does: rules of quant.layers, as the chosen widths are, would
// hold in it, too. Those that [configs.Stage.Only] leaves in floating point stay so.
func (s *Space) lasts(stages []configs.Stage) error {
	for i := range stages {
		only := stages[i].Only
		for _, g := range s.Groups {
			for _, name := range g.Layers {
				if only != (configs.Glob{}) && !only.Match(name) { // configs.NoLayers is the name of none
					continue
				}
				w, a := stages[i].Quant.Resolve(name, false, false)
				lastW, lastA := s.cfg.Quant.Resolve(name, false, false)
				if w.Bits != lastW.Bits || a.Bits != lastA.Bits {
					return fmt.Errorf("%w: stage %d of quant.schedule gives %s the bits %v/%v (weights/activations) and the last one %v/%v, which one choice would replace in both",
						ErrNoChoice, i+1, name, w.Bits, a.Bits, lastW.Bits, lastA.Bits)
				}
			}
		}
	}
	return nil
}

// made reports a space that NewSpace did not make.
func (s *Space) made() error {
	if s == nil || s.cfg == nil {
		return errors.New("there is no space to choose in; want one of NewSpace")
	}
	return nil
}

// group finds the groups, their widths, and what is fixed.
func (s *Space) group() error {
	var reads []string // what each group reads
	for _, node := range s.graph.Weighted() {
		first, last := quantize.Ends(s.graph, node.Name)
		w, _ := s.cfg.Quant.Resolve(node.Name, first, last)
		if first || last || w.Bits == configs.FP {
			s.Fixed = append(s.Fixed, node.Name)
			continue
		}
		from := quantize.Source(s.graph, node.Inputs[0])
		if i := slices.Index(reads, from); i >= 0 {
			s.Groups[i].Layers = append(s.Groups[i].Layers, node.Name)
			continue
		}
		reads, s.Groups = append(reads, from), append(s.Groups, Group{Layers: []string{node.Name}})
	}
	var groups []Group
	for _, g := range s.Groups {
		if s.choices(&g); len(g.Widths) == 0 {
			s.Fixed = append(s.Fixed, g.Layers...)
			s.Notes = append(s.Notes, fmt.Sprintf("%s: no method there has one of the widths; kept as the config has it", strings.Join(g.Layers, ", ")))
			continue
		}
		groups = append(groups, g)
	}
	if len(s.Groups) > 0 && len(groups) == 0 {
		return fmt.Errorf("%w: no method of the config has one of the widths %v", ErrNoChoice, s.bits)
	}
	if s.Groups = groups; len(groups) == 0 {
		return fmt.Errorf("%w: the config quantizes no weights, or those of the first layer and the last alone", ErrNoChoice)
	}
	return nil
}

// choices gives a group the widths that the methods of all its layers have, and notes those that one lacks.
func (s *Space) choices(g *Group) {
	weights, activations := slices.Clone(s.bits), slices.Clone(s.bits)
	fp := true // all read real numbers
	for _, name := range g.Layers {
		w, a := s.cfg.Quant.Resolve(name, false, false)
		weights = s.within(weights, name, "weights", w)
		if a.Bits != configs.FP {
			fp = false
			activations = s.within(activations, name, "activations", a)
		}
	}
	for _, w := range weights {
		switch {
		case fp:
			g.Widths = append(g.Widths, Width{Weights: w})
		case s.apart:
			for _, a := range activations {
				g.Widths = append(g.Widths, Width{w, a})
			}
		case slices.Contains(activations, w):
			g.Widths = append(g.Widths, Width{w, w})
		}
	}
}

// within drops the widths that a tensor's method lacks.
func (s *Space) within(bits []int, layer, what string, spec configs.TensorSpec) []int {
	m, err := estimators.MethodNamed(string(spec.Estimator))
	if err != nil {
		return bits // the registry is what the config was checked by
	}
	return slices.DeleteFunc(bits, func(b int) bool {
		if b >= m.MinBits && b <= m.MaxBits {
			return false
		}
		s.Notes = append(s.Notes, fmt.Sprintf("%s of %s: %s has no %d bits; left out", what, layer, spec.Estimator, b))
		return true
	})
}

// quant is the config's section with layers at widths, by rules of their names.
func (s *Space) quant(widths map[string]Width) (*configs.Quant, error) {
	q := s.cfg.Quant
	q.Layers = slices.Clone(q.Layers)
	for _, g := range s.Groups {
		for _, name := range g.Layers {
			w, chosen := widths[name]
			if !chosen {
				continue
			}
			pattern, err := configs.ParseGlob(name)
			if err != nil {
				return nil, err
			}
			if _, a := q.Resolve(name, false, false); a.Bits == configs.FP {
				w.Activations = 0
			}
			q.Layers = append(q.Layers, rule(pattern, w))
		}
	}
	return &q, nil
}

// rule gives layers a width.
func rule(pattern configs.Glob, w Width) configs.Rule {
	bits := func(b int) configs.Override {
		if b == 0 {
			return configs.Override{}
		}
		return configs.Override{Keys: []string{"bits"}, Values: configs.TensorSpec{Bits: configs.Bits(b)}}
	}
	return configs.Rule{Pattern: pattern, Weights: bits(w.Weights), Activations: bits(w.Activations)}
}

// index is the place of a width among those of a group, -1 if it has not that one.
func (g Group) index(w Width) int {
	if w.Weights == w.Activations && slices.Contains(g.Widths, Width{Weights: w.Weights}) {
		w.Activations = 0 // the group reads real numbers
	}
	return slices.Index(g.Widths, w)
}

// shared are the widths, weights and activations alike, that all groups have.
func (s *Space) shared() []Width {
	var all []Width
	for _, b := range s.bits {
		if w := (Width{b, b}); !slices.ContainsFunc(s.Groups, func(g Group) bool { return g.index(w) < 0 }) {
			all = append(all, w)
		}
	}
	return all
}

// all gives every group's layers one width, or their lowest where they have not that one.
func (s *Space) all(w Width) map[string]Width {
	return s.widths(func(_ int, g Group) int { return max(g.index(w), 0) })
}

// widths are those of layers, from the choice of each group.
func (s *Space) widths(choice func(i int, g Group) int) map[string]Width {
	widths := map[string]Width{}
	for i, g := range s.Groups {
		w := g.Widths[choice(i, g)]
		for _, name := range g.Layers {
			widths[name] = w
		}
	}
	return widths
}
