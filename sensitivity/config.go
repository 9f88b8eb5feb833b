package sensitivity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/quantize"
	"github.com/qat-go/qat/syntax"
)

// ConfigMark is what the configs of [Space.YAML] begin with.
const ConfigMark = "# The widths that lose least by "

// YAML returns the config that gives layers the widths of an allocation: it extends another, by its path, and trains
// alone, with runs of its own name. It is nil if there is no allocation.
func (s *Space) YAML(a *Allocation, name, extends string) []byte {
	if a == nil || s.made() != nil {
		return nil
	}
	var b strings.Builder
	var limits []string
	for _, l := range a.Limits {
		limits = append(limits, l.String())
	}
	budget := strings.Join(limits, ",")
	fmt.Fprintf(&b, "%s%s within %s: %.4g.\n", ConfigMark, a.Method, budget, a.Loss)
	if a.Proven {
		b.WriteString("# No other widths lose less: that is proven.\n")
	} else {
		fmt.Fprintf(&b, "# It is not proven that no others lose less; none lose less than %.4g.\n", a.Bound)
	}
	for _, x := range a.Spent {
		of := ""
		if x.Limit > 0 {
			of = " of " + x.Cost.Format(x.Limit)
		}
		fmt.Fprintf(&b, "# %s: %s%s\n", x.Cost, x.Cost.Format(x.Amount), of)
	}
	fmt.Fprintf(&b, "name: %s\n", syntax.Quote(name))
	fmt.Fprintf(&b, "description: %s\n", syntax.Quote(fmt.Sprintf("widths of layers by %s for %s", a.Method, budget)))
	fmt.Fprintf(&b, "extends: %s\nquant:\n  layers:\n", syntax.Quote(extends))
	for _, r := range s.rules(a) {
		fmt.Fprintf(&b, "    %q:\n", r.Pattern)
		for _, of := range []struct {
			key string
			configs.Override
		}{{"weights", r.Weights}, {"activations", r.Activations}} {
			if len(of.Keys) > 0 {
				fmt.Fprintf(&b, "      %s: {bits: %d}\n", of.key, of.Values.Bits)
			}
		}
	}
	return []byte(b.String())
}

// rules are those of an allocation: of layers that have the same widths one, by growing widths.
func (s *Space) rules(a *Allocation) []configs.Rule {
	names := map[Width][]string{}
	for _, l := range a.Layers {
		if l.Fixed {
			continue
		}
		w := Width{l.WeightBits, l.ActivationBits}
		if _, reads := s.cfg.Quant.Resolve(l.Name, false, false); reads.Bits == configs.FP {
			w.Activations = 0
		}
		if old := names[w]; len(old) > 0 && len(old[len(old)-1])+len(l.Name)+len(`"|"`) <= configs.MaxPattern {
			old[len(old)-1] += "|" + l.Name
		} else {
			names[w] = append(old, l.Name)
		}
	}
	var rules []configs.Rule
	for w, patterns := range names {
		for _, p := range patterns {
			glob, err := configs.ParseGlob(p)
			if err != nil {
				panic(err) // names of layers that a config resolves; see quant
			}
			rules = append(rules, rule(glob, w))
		}
	}
	slices.SortFunc(rules, func(a, b configs.Rule) int {
		for _, bits := range [][2]configs.Bits{{a.Weights.Values.Bits, b.Weights.Values.Bits}, {a.Activations.Values.Bits, b.Activations.Values.Bits}} {
			if bits[0] != bits[1] {
				return int(bits[0]) - int(bits[1])
			}
		}
		return strings.Compare(a.Pattern.String(), b.Pattern.String())
	})
	return rules
}

// Check returns how a config differs from an allocation: in the bits of a layer. It is that of [Space.YAML], read again.
func (s *Space) Check(a *Allocation, cfg *configs.Config) error {
	if err := s.made(); err != nil {
		return err
	}
	if a == nil || cfg == nil {
		return errors.New("there is no allocation or no config to compare with it")
	}
	quant := &cfg.Final().Quant
	for _, l := range a.Layers {
		first, last := quantize.Ends(s.graph, l.Name)
		w, r := quant.Resolve(l.Name, first, last)
		ofWeights, ofInput := quant.BitsFrom(l.Name, first, last)
		for _, of := range []struct {
			what, from string
			got        configs.Bits
			want       int
		}{{"weights", ofWeights, w.Bits, l.WeightBits}, {"activations", ofInput, r.Bits, l.ActivationBits}} {
			if got := of.got; got != configs.Bits(of.want) && (got != configs.FP || of.want != 32) {
				return fmt.Errorf("the %s of %s would have %v bits, not the %d of the allocation: %s, of the config that it extends, wins; remove it there", of.what, l.Name, got, of.want, of.from)
			}
		}
	}
	return nil
}
