// Package verify compares an integer network with the simulation that training
// saw and with other programs that run its exports.
package verify

import (
	"math"

	"github.com/qat-go/qat/export"
)

// Certificate is what was compared, and what was found. NotChecked tells what
// was not, and why.
type Certificate struct {
	Network     string  `json:"network"`
	Target      string  `json:"target"`
	Dataset     string  `json:"dataset"`
	Images      int     `json:"images"`
	IntegerTop1 float64 `json:"integer_top1"`
	// ImagesPerSecond is that of the integer network as evaluated, layer by
	// layer traces excluded, data loading included.
	ImagesPerSecond float64 `json:"images_per_second"`

	Simulation Comparison `json:"simulation"`
	// Saturation is of the files of the format onnx.
	Saturation []Saturation `json:"saturation,omitempty"`
	Runtime    string       `json:"runtime,omitempty"`   // onnxruntime's version
	Processor  string       `json:"processor,omitempty"` // that onnxruntime ran on
	Runs       []Run        `json:"runs"`
	NotChecked []string     `json:"not_checked,omitempty"`
}

// Saturation is what sums of two products in a file can reach. Where Widest is
// greater than Limit, processors that add them in 16 bits may give other codes in
// the layers named by Layers that have INT8 weights and so wide a pair.
type Saturation struct {
	File   string                 `json:"file"`
	Limit  int                    `json:"limit"`
	Widest int                    `json:"widest"` // of the layers with INT8 weights
	Layers []export.StoredWeights `json:"layers"`
}

// Run is one export in onnxruntime.
type Run struct {
	Format    string `json:"format"`
	File      string `json:"file"`
	Optimized bool   `json:"optimized"`
	Comparison
	ImagesPerSecond float64 `json:"images_per_second"` // of the runtime alone
	// Layers are the codes of each tensor, in order; a difference in one layer
	// is carried on by those after it.
	Layers []LayerSteps `json:"layers"`
	// What follows is of the optimized graph.
	Nodes        map[string]int `json:"nodes,omitempty"` // operators
	Kernels      []Kernel       `json:"kernels,omitempty"`
	Convolutions int            `json:"convolutions,omitempty"`
	OnIntegers   int            `json:"convolutions_on_integers,omitempty"`
}

// Comparison is of predictions and logits with those of the integer network.
type Comparison struct {
	Top1                 float64 `json:"top1"`
	DifferentPredictions int     `json:"different_predictions"`
	DifferentLogits      int64   `json:"different_logits"` // not the same bits
	Logits               int64   `json:"logits"`
	MaxDifference        float64 `json:"max_difference"` // of a logit
	Steps                Steps   `json:"logit_steps"`    // of the logits' integer sums

	correct, images int
}

// Steps is a histogram: the size of a difference in integer steps, and how often
// it occurred. Differences of Most and more count as Most.
type Steps map[int]int64

// Most is the largest difference that is told apart.
const Most = 256

func (s Steps) add(difference int64) {
	s[int(min(max(difference, -difference), Most))]++
}

// Different counts differences other than 0.
func (s Steps) Different() int64 {
	sum := int64(0)
	for d, n := range s {
		if d != 0 {
			sum += n
		}
	}
	return sum
}

// LayerSteps are the differences of one tensor's codes.
type LayerSteps struct {
	Layer string `json:"layer"`
	Codes int64  `json:"codes"`
	Steps Steps  `json:"steps"`
}

// Kernel is a layer in the optimized graph: the operator that runs it, and if
// that does not compute with integers, the reason.
type Kernel struct {
	Layer    string `json:"layer"`
	Operator string `json:"operator"`
	Integer  bool   `json:"integer"`
	Reason   string `json:"reason,omitempty"`
}

// add compares the logits of n images, all finite; scale is that of the logits' sums.
func (c *Comparison) add(want, got []float32, labels []int32, scale []float32) {
	classes := len(scale)
	if c.Steps == nil {
		c.Steps = Steps{}
	}
	for i, label := range labels {
		w, g := want[i*classes:][:classes], got[i*classes:][:classes]
		best := largest(g)
		if best == int(label) {
			c.correct++
		}
		if best != largest(w) {
			c.DifferentPredictions++
		}
		for o, v := range w {
			if g[o] != v {
				c.DifferentLogits++
			}
			d := math.Abs(float64(g[o]) - float64(v))
			c.MaxDifference = max(c.MaxDifference, d)
			steps := 0.0
			if d > 0 { // a scale of 0 has no other logit than 0
				steps = math.RoundToEven(d / math.Abs(float64(scale[o])))
			}
			c.Steps.add(int64(min(steps, Most)))
		}
		c.Logits += int64(classes)
	}
	c.images += len(labels)
	c.Top1 = float64(c.correct) / float64(c.images)
}

// largest is the index of the first of the largest values.
func largest(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
