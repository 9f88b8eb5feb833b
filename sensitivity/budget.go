package sensitivity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/syntax"
)

// Cost is what the widths of layers are paid with.
type Cost string

// The costs.
const (
	Size     Cost = "size"      // of weights, biases and scales, in bits: networks.Row.SizeBits
	BitOps   Cost = "bitops"    // of an image: networks.Row.BitOps
	Memory   Cost = "memory"    // the peak of an image's activations, in bits: integer.Network.PeakBits
	Latency  Cost = "latency"   // of an image in the integer network, in nanoseconds
	MeanBits Cost = "mean_bits" // of the weights of the layers whose widths are chosen
)

// Costs lists them.
func Costs() []Cost { return []Cost{Size, BitOps, Memory, Latency, MeanBits} }

// Format writes an amount of a cost with four digits that count: 0.27 MB, 1.2 G, 48 KiB.
func (c Cost) Format(amount float64) string {
	unit, of := "", 1.0
	switch c {
	case Size:
		unit, of = "MB", 8e6
	case Memory:
		unit, of = "KiB", 8<<10
	case Latency:
		unit, of = "ms", 1e6
	case BitOps:
		text := configs.OpText(amount)
		digits := strings.TrimRight(text, "kMGT")
		return strings.TrimSpace(digits + " " + text[len(digits):])
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(amount/of, 'g', 4, 64), 64)
	if err != nil {
		short = amount / of
	}
	return strings.TrimSpace(strconv.FormatFloat(short, 'f', -1, 64) + " " + unit)
}

// Limit is the most that a cost may be.
type Limit struct {
	Cost   Cost    `json:"cost"`
	Amount float64 `json:"amount"` // in bits, operations, nanoseconds; with Share, a part of 1
	// Share tells that Amount is the place between what the lowest widths cost and what the highest do, as HAWQ-V3 gives it.
	Share bool `json:"share,omitempty"`
}

// ParseBudget reads limits with commas between: "size=0.10MB,bitops=1.2G". MB is 10^6 bytes, MiB 2^20. A percentage is a place
// between all layers at the lowest width and all at the highest: "size=50%".
func ParseBudget(text string) ([]Limit, error) {
	var limits []Limit
	for _, part := range strings.Split(text, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		cost := Cost(name)
		if known := slices.Contains(Costs(), cost); !found || !known {
			meant := ""
			if !known {
				meant = syntax.Suggest(name, costNames())
			}
			return nil, fmt.Errorf("%q: want COST=AMOUNT with one of the costs %s%s", syntax.Shorten(part), joinCosts(), meant)
		}
		if slices.ContainsFunc(limits, func(l Limit) bool { return l.Cost == cost }) {
			return nil, fmt.Errorf("%q: %s is limited twice; want each cost once", syntax.Shorten(text), cost)
		}
		l, err := cost.limit(strings.TrimSpace(value))
		if err != nil {
			return nil, err
		}
		limits = append(limits, l)
	}
	return limits, nil
}

func costNames() (names []string) {
	for _, c := range Costs() {
		names = append(names, string(c))
	}
	return names
}

func joinCosts() string { return strings.Join(costNames(), ", ") }

// examples are amounts of costs, for errors.
var examples = map[Cost]string{Size: "0.10MB, 96KiB", BitOps: "1.2G, 350M", Memory: "48KiB, 0.05MB", Latency: "2ms, 350us", MeanBits: "3, 2.5"}

// limit reads an amount of a cost.
func (c Cost) limit(text string) (Limit, error) {
	wrong := fmt.Errorf("%s=%s: want a number above 0 with a unit, such as %s, or a percentage, such as 50%%", c, syntax.Shorten(text), examples[c])
	if c == MeanBits {
		wrong = fmt.Errorf("%s=%s: want a number of bits above 0, such as %s, or a percentage, such as 50%%", c, syntax.Shorten(text), examples[c])
	}
	if digits, share := strings.CutSuffix(text, "%"); share {
		v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(v >= 0 && v <= 100) {
			return Limit{}, fmt.Errorf("%s=%s: want a percentage from 0 to 100", c, syntax.Shorten(text))
		}
		return Limit{c, v / 100, true}, nil
	}
	amount, ok := c.amount(text)
	if !ok {
		return Limit{}, wrong
	}
	return Limit{Cost: c, Amount: amount}, nil
}

// amount reads what is no percentage: bits, operations or nanoseconds, above 0.
func (c Cost) amount(text string) (v float64, ok bool) {
	switch c {
	case Size, Memory:
		a, ok := configs.ParseBytes(text)
		return 8 * float64(a), ok
	case BitOps:
		a, ok := configs.ParseOps(text)
		return float64(a), ok
	case Latency:
		d, err := time.ParseDuration(text)
		return float64(d), err == nil && d > 0 && d < 1<<59
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && v > 0 && v < 1<<10
}

// String is the limit as ParseBudget reads it, in a unit of its own.
func (l Limit) String() string {
	if l.Share {
		return fmt.Sprintf("%s=%g%%", l.Cost, 100*l.Amount)
	}
	return fmt.Sprintf("%s=%s", l.Cost, strings.ReplaceAll(l.Cost.Format(l.Amount), " ", ""))
}
