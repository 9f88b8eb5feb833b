package configs

import (
	"fmt"
	"math"
	"strconv"

	"github.com/qat-go/qat/syntax"
)

// integer is an int from min to max; max maxInt means no upper bound.
type integer struct{ min, max int }

// maxInt keeps integers portable to 32-bit platforms.
const maxInt = math.MaxInt32

func (k integer) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.Int {
		return nil, errKind
	}
	v, err := strconv.Atoi(n.Text)
	switch {
	case v > maxInt && k.max == maxInt: // also where Atoi has no number so large
		return nil, fmt.Errorf("wanted at most %d, found %s", k.max, n.Describe())
	case err != nil || v < k.min || v > k.max:
		return nil, errKind
	}
	return v, nil
}
func (integer) format(v any) string { return strconv.Itoa(v.(int)) }
func (k integer) describe() string {
	if k.max == maxInt {
		return fmt.Sprintf("an integer >= %d", k.min)
	}
	return fmt.Sprintf("an integer from %d to %d", k.min, k.max)
}
func (k integer) schema() map[string]any {
	return map[string]any{"type": "integer", "minimum": k.min, "maximum": k.max}
}

// seed is a uint64.
type seed struct{}

func (seed) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.Int {
		return nil, errKind
	}
	v, err := strconv.ParseUint(n.Text, 10, 64)
	if err != nil {
		return nil, errKind
	}
	return v, nil
}
func (seed) format(v any) string { return strconv.FormatUint(v.(uint64), 10) }
func (seed) describe() string    { return "an integer from 0 to 18446744073709551615" }
func (seed) schema() map[string]any {
	return map[string]any{"type": "integer", "minimum": 0, "maximum": uint64(math.MaxUint64)}
}

// bound says whether an end of a range belongs to it.
type bound int

const (
	unbounded bound = iota
	inclusive
	exclusive
)

// real is a finite number from 0, or above 0, to max.
type real struct {
	zero  bound // inclusive or exclusive
	upper bound
	max   float64
}

func (k real) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.Int && n.Kind != syntax.Float {
		return nil, errKind
	}
	v, err := strconv.ParseFloat(n.Text, 64)
	switch {
	case v > math.MaxFloat32:
		return nil, fmt.Errorf("wanted at most %g, the largest float32, found %s", math.MaxFloat32, n.Describe())
	case err != nil, v < 0, v == 0 && k.zero == exclusive,
		k.upper != unbounded && v > k.max, k.upper == exclusive && v == k.max:
		return nil, errKind
	}
	return math.Abs(v), nil // -0 is 0
}
func (real) format(v any) string { return formatFloat(v.(float64)) }
func (k real) describe() string {
	s := "a finite number >= 0"
	if k.zero == exclusive {
		s = "a finite number > 0"
	}
	switch k.upper {
	case inclusive:
		s += " and <= " + formatFloat(k.max)
	case exclusive:
		s += " and < " + formatFloat(k.max)
	}
	return s
}
func (k real) schema() map[string]any {
	s := map[string]any{"type": "number"}
	if k.zero == exclusive {
		s["exclusiveMinimum"] = 0
	} else {
		s["minimum"] = 0
	}
	switch k.upper {
	case inclusive:
		s["maximum"] = k.max
	case exclusive:
		s["exclusiveMaximum"] = k.max
	}
	return s
}

// bits is a Bits from min to 8 or one of words.
type bits struct {
	min   int
	words []Bits
}

func (k bits) parse(n *syntax.Node) (any, error) {
	for _, w := range k.words {
		if n.Kind == syntax.String && n.Text == w.String() {
			return w, nil
		}
	}
	v, err := integer{k.min, 8}.parse(n)
	if err != nil {
		return nil, err
	}
	return Bits(v.(int)), nil
}
func (bits) format(v any) string { return v.(Bits).String() }
func (k bits) describe() string {
	s := integer{k.min, 8}.describe()
	for _, w := range k.words {
		s += ", or " + w.String()
	}
	return s
}
func (k bits) schema() map[string]any {
	var words []string
	for _, w := range k.words {
		words = append(words, w.String())
	}
	return map[string]any{"anyOf": []any{integer{k.min, 8}.schema(), map[string]any{"enum": words}}}
}
