package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/train"
)

// stageRow is a stage of quant.schedule, and its network.
type stageRow struct {
	Stage       int      `json:"stage"`
	For         string   `json:"for,omitempty"`        // absent: what the others leave
	First       int      `json:"first_step,omitempty"` // absent while the number of images is unknown, as are all steps
	Last        int      `json:"last_step,omitempty"`
	Weights     []int    `json:"weight_bits"` // widths that layers have, 32: floating point
	Activations []int    `json:"activation_bits"`
	SizeBytes   int64    `json:"size_bytes"`
	BitOps      int64    `json:"bitops"`
	Scales      string   `json:"scales,omitempty"`
	LR          string   `json:"lr,omitempty"`
	Freeze      []string `json:"freeze,omitempty"`
	Renorms     int      `json:"batch_norm_reestimation,omitempty"`

	label string // bits of weights and activations where no rule says otherwise
}

// stageRows lists the stages of a config; rates tells how many steps an epoch has, nil if nobody knows.
func stageRows(cfg *configs.Config, rates *train.Rates) (rows []stageRow, err error) {
	var ends []int
	if rates != nil {
		if ends, err = cfg.Quant.Ends(rates.PerEpoch, cfg.Train.Total(rates.PerEpoch)); err != nil {
			return nil, err
		}
	}
	for i, s := range cfg.Quant.Schedule {
		net, _, err := train.Outline(cfg.InStage(i))
		if err != nil {
			return nil, err
		}
		r := stageRow{Stage: i + 1, Freeze: s.Freeze, Renorms: s.Renorms}
		if s.For != (configs.Duration{}) {
			r.For = s.For.String()
		}
		if ends != nil {
			if r.First = 1; i > 0 {
				r.First += ends[i-1]
			}
			r.Last = ends[i]
		}
		if i > 0 {
			r.Scales, r.LR = string(s.Scales), string(s.LR)
		}
		r.SizeBytes, r.BitOps = net.Cost()
		table := net.Table()
		r.Weights, r.Activations = bitsIn(table, weightBits), bitsIn(table, inputBits)
		bits := train.ExperimentOf(cfg.InStage(i)).Bits
		r.label = width(bits.Weights) + "/" + width(bits.Activations)
		rows = append(rows, r)
	}
	return rows, nil
}

func weightBits(r layers.Row) int { return r.WeightBits }
func inputBits(r layers.Row) int  { return r.InputBits }

// bitsIn lists the widths in a table, each once.
func bitsIn(table []layers.Row, of func(layers.Row) int) (all []int) {
	for _, r := range table {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// width is one in a word.
func width(bits int) string {
	if bits == floatBits {
		return "fp"
	}
	return fmt.Sprint(bits)
}

func widthsOf(bits []int) string {
	var all []string
	for _, b := range bits {
		all = append(all, width(b))
	}
	return strings.Join(all, ", ")
}

// timelineWidth is that of the picture, in characters.
const timelineWidth = 80

// drawTimeline draws the stages to scale, each with its bits of weights and activations.
func drawTimeline(rows []stageRow) string {
	var b strings.Builder
	total, at := float64(rows[len(rows)-1].Last), 0
	for _, r := range rows {
		end := int(math.Round(float64(r.Last) / total * (timelineWidth - 1)))
		if n := end - at; n > 0 {
			text := "|" + r.label
			if len(text) > n {
				text = text[:n]
			}
			b.WriteString(text + strings.Repeat("-", n-len(text)))
		}
		at = end
	}
	return b.String() + "|"
}

// printTimeline draws and lists the stages.
func printTimeline(w io.Writer, rows []stageRow) error {
	if len(rows) == 0 {
		return nil
	}
	say(w, "")
	if rows[0].Last > 0 {
		say(w, "%s", drawTimeline(rows))
	}
	t := newTable(w, "STAGE", "STEPS", "WEIGHTS", "ACTIVATIONS", "SIZE", "BITOPS")
	for _, r := range rows {
		steps := cmp.Or(r.For, "the rest")
		if r.Last > 0 {
			steps = fmt.Sprintf("%d-%d", r.First, r.Last)
		}
		t.row(r.Stage, steps, widthsOf(r.Weights), widthsOf(r.Activations), size(r.SizeBytes), count(r.BitOps))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if text := r.changes(); text != "" {
			if err := sayWithin(w, "stage %d: %s", r.Stage, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes says what the stage changes beside bits.
func (r *stageRow) changes() string {
	var all []string
	if r.Scales != "" && r.Scales != string(configs.ScalesKeep) {
		all = append(all, "scales: "+r.Scales)
	}
	if r.LR == string(configs.LRRestart) {
		all = append(all, "lr: "+r.LR)
	}
	if r.Renorms > 0 {
		all = append(all, fmt.Sprintf("batch_norm_reestimation: %d", r.Renorms))
	}
	if len(r.Freeze) > 0 {
		all = append(all, "freeze: ["+strings.Join(r.Freeze, ", ")+"]")
	}
	return strings.Join(all, ", ")
}
