package configs

import (
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/qat-go/qat/syntax"
)

// Amount is a number of bytes or of operations; 0 is none.
type Amount int64

// ByteText and OpText write a number of bytes, or of operations, to four digits, as configs have them.
func ByteText(v float64) string { return amountText(byteUnits, v) }
func OpText(v float64) string   { return amountText(opUnits, v) }

func amountText(units []unit, v float64) string {
	u := units[slices.IndexFunc(units, func(u unit) bool { return v >= u.of || u.of == 1 })]
	return strconv.FormatFloat(v/u.of, 'g', 4, 64) + u.name
}

// unit is what amounts are written in.
type unit struct {
	name string
	of   float64
}

// The units of bytes and of operations, larger ones first: 1 MB is 10^6 bytes, 1 MiB 2^20.
var (
	byteUnits = []unit{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}
	opUnits   = []unit{{"T", 1e12}, {"G", 1e9}, {"M", 1e6}, {"k", 1e3}, {"", 1}}
)

var amountPattern = regexp.MustCompile(`^((?:0|[1-9][0-9]*)(?:\.[0-9]+)?) ?([A-Za-z]*)$`)

// maxAmount keeps sums of amounts exact in float64.
const maxAmount = 1 << 53

// ParseBytes and ParseOps read a number of bytes, or of operations, above 0, as configs have them: 0.10MB, 1.2G.
func ParseBytes(text string) (a Amount, ok bool) { return parseAmount(byteUnits, text) }
func ParseOps(text string) (a Amount, ok bool)   { return parseAmount(opUnits, text) }

func parseAmount(units []unit, text string) (a Amount, ok bool) {
	m := amountPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(m[1], 64)
	i := slices.IndexFunc(units, func(u unit) bool { return u.name == m[2] })
	if err != nil || i < 0 {
		return 0, false
	}
	v = math.RoundToEven(v * units[i].of)
	return Amount(v), v >= 1 && v <= maxAmount
}

// amount is an Amount in one of the units, above 0, or none.
type amount struct {
	units   []unit
	example string
}

func (k amount) parse(n *syntax.Node) (any, error) {
	if n.Text == "none" && n.Kind == syntax.String {
		return Amount(0), nil
	}
	a, ok := parseAmount(k.units, n.Text)
	if !ok || n.Kind != syntax.String && n.Kind != syntax.Int && n.Kind != syntax.Float {
		return nil, errKind
	}
	return a, nil
}

func (k amount) format(v any) string {
	a := v.(Amount)
	if a == 0 {
		return "none"
	}
	for _, u := range k.units {
		text := strconv.FormatFloat(float64(a)/u.of, 'f', -1, 64)
		if v, err := strconv.ParseFloat(text, 64); err == nil && len(text) <= 8 && v >= 0.1 && Amount(math.RoundToEven(v*u.of)) == a {
			return text + u.name
		}
	}
	return strconv.FormatInt(int64(a), 10) + k.units[len(k.units)-1].name
}

func (k amount) describe() string { return "none, or an amount above 0 such as " + k.example }

func (amount) schema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "number", "exclusiveMinimum": 0}}}
}
