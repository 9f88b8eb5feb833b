package sensitivity

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/qat-go/qat/allocate"
	"github.com/qat-go/qat/internal/chart"
)

// Front is every allocation that no other beats in loss and one cost.
type Front struct {
	Method string     `json:"method"`
	Cost   Cost       `json:"cost"`
	Groups [][]string `json:"groups"` // the layers that share a width
	Points []Point    `json:"points"` // by growing cost
	// Uniform are the networks with all groups at one width, and what they cost and lose.
	Uniform []Point `json:"uniform"`
}

// Point is an allocation of a front.
type Point struct {
	Amount float64 `json:"amount"` // of the cost: in bits, operations, nanoseconds
	Loss   float64 `json:"loss"`
	Widths []Width `json:"widths"` // of the groups
}

// Front returns all allocations of a table that no other beats, exactly ([allocate.Front]). The cost is one that adds up over
// the layers, so not memory.
func (s *Space) Front(ctx context.Context, t *Table, c Cost, threads int) (*Front, error) {
	if err := s.made(); err != nil {
		return nil, err
	}
	ctx = cmp.Or(ctx, context.Background())
	if c == Memory {
		return nil, fmt.Errorf("there is no front over memory, whose peak does not add up over the layers; want another cost than %s of %s, or a budget", Memory, joinCosts())
	}
	p, err := s.problem(ctx, t, []Limit{{Cost: c, Amount: 1, Share: true}}, threads)
	if err != nil {
		return nil, err
	}
	solutions, err := allocate.Front(p.Groups)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	f := &Front{Method: t.Method, Cost: c}
	for _, g := range s.Groups {
		f.Groups = append(f.Groups, g.Layers)
	}
	for _, x := range solutions {
		f.Points = append(f.Points, s.point(p, x.Choices, x.Loss))
	}
	for _, w := range s.shared() {
		var choices []int
		loss := 0.0
		for i, g := range s.Groups {
			choices = append(choices, g.index(w))
			loss += p.Groups[i][choices[i]].Loss
		}
		f.Uniform = append(f.Uniform, s.point(p, append(choices, 0), loss))
	}
	return f, nil
}

// point is an allocation by its choices, and that of what is fixed.
func (s *Space) point(p *problem, choices []int, loss float64) Point {
	sum, widths := int64(0), make([]Width, len(s.Groups))
	for i, c := range choices {
		sum += p.Groups[i][c].Costs[0]
		if i < len(s.Groups) {
			widths[i] = s.Groups[i].Widths[c]
		}
	}
	return Point{Amount: float64(sum) * p.unit[0], Loss: loss, Widths: widths}
}

// WriteCSV writes a line for each allocation: its cost, its loss, and the bits of weights and activations of each layer.
func (f *Front) WriteCSV(w io.Writer) error {
	if f == nil || w == nil {
		return errors.New("there is no front to write, or nowhere to; want one of Space.Front")
	}
	out := csv.NewWriter(w)
	head := []string{string(f.Cost), "loss"}
	for _, layers := range f.Groups {
		for _, name := range layers {
			head = append(head, name+".weight", name+".input")
		}
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, p := range f.Points {
		line := []string{strconv.FormatFloat(p.Amount, 'f', -1, 64), strconv.FormatFloat(p.Loss, 'g', -1, 64)}
		for i, layers := range f.Groups {
			for range layers {
				line = append(line, strconv.Itoa(p.Widths[i].Weights), strconv.Itoa(p.Widths[i].Activations))
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// axes are the texts of charts, and what amounts are divided by.
var axes = map[Cost]struct {
	text string
	of   float64
}{
	Size:     {"size of weights, biases and scales in MB", 8e6},
	BitOps:   {"BitOps of an image in millions", 1e6},
	Latency:  {"latency of an image in ms", 1e6},
	MeanBits: {"mean bits of weights", 1},
}

// Most points of a line that are drawn: more than it has pixels.
const mostDrawn = 2000

// SVG draws the front, with the networks of one width beside it; "" if there is but one allocation. Losses are on a logarithmic
// axis if all are above 0.
func (f *Front) SVG() string {
	if f == nil {
		return ""
	}
	axis := axes[f.Cost]
	c := chart.Chart{Title: "Loss by " + f.Method + ", and what bits cost", X: axis.text, Y: "loss", LogY: true}
	add := func(name string, line bool, points []Point) {
		s := chart.Series{Name: name, Line: line}
		for _, p := range points {
			c.LogY = c.LogY && p.Loss > 0
			s.Points = append(s.Points, [2]float64{p.Amount / axis.of, p.Loss})
		}
		c.Series = append(c.Series, s)
	}
	add("allocated", true, f.Thin(mostDrawn))
	add("one width", false, f.Uniform)
	return c.SVG()
}

// Thin returns so many points at most, evenly over those that there are, the first and the last among them.
func (f *Front) Thin(most int) []Point {
	if f == nil {
		return nil
	}
	n := len(f.Points)
	if n <= most || most < 2 {
		return f.Points
	}
	thin := make([]Point, most)
	for i := range thin {
		thin[i] = f.Points[i*(n-1)/(most-1)]
	}
	return thin
}
