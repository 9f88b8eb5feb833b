package configs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/syntax"
)

// statisticFields are keys of what values are normalized by.
var statisticFields = []field{
	{key: "mean", doc: "What is subtracted from each channel of an image, whose pixels are from 0 to 1, or of numbers: one for each channel, or one for all. `own` is the data set's (ImageNet's; of `arrays`, `auto`), `auto` is measured over the training images, once; the run has the numbers.", kind: statistic{what: "a number", least: 1, most: maxChannels}, def: Statistic{}, at: func(c *Config) any { return &c.Data.Mean }},
	{key: "std", doc: "What each channel is then divided by, as `mean`: the standard deviation.", kind: statistic{what: "a number above 0", least: 1, most: maxChannels, positive: true}, def: Statistic{}, at: func(c *Config) any { return &c.Data.Std }},
	{key: "range", doc: "Of numbers that are no pixels: the least and the greatest, normalized, that the network's first quantizer covers; it clips what is beyond. `auto` is that of the training set.", kind: statistic{what: "a number", least: 2, most: 2}, def: Statistic{}, at: func(c *Config) any { return &c.Data.Range }},
}

// arraysFields are keys of the data set of arrays.
var arraysFields = []field{
	{key: "layout", doc: "Axes of x with four: `nhwc` is (N, height, width, channels), `nchw` (N, channels, height, width); `auto` takes an axis of 1 to 4 for the channels if the other is longer.", kind: enum[Layout]{values: []Layout{LayoutAuto, LayoutNHWC, LayoutNCHW}}, def: LayoutAuto, at: func(c *Config) any { return &c.Data.Arrays.Layout }},
	{key: "shape", doc: "`[height, width, channels]` of one example, which the run has; `[]` is what the arrays say.", kind: shape3{}, def: [3]int{}, at: func(c *Config) any { return &c.Data.Arrays.Shape }},
	{key: "values", doc: "`pixels` from 0 to 255, or `numbers`; `auto` is what the arrays say: uint8 is pixels.", kind: enum[Values]{values: []Values{ValuesAuto, ValuesPixels, ValuesNumbers}}, def: ValuesAuto, at: func(c *Config) any { return &c.Data.Arrays.Values }},
}

// Arrays says what the data set of arrays is.
type Arrays struct {
	Layout Layout
	Shape  [3]int // height, width, channels; 0: what the arrays say
	Values Values
}

// Layout is the order of axes.
type Layout string

const (
	LayoutAuto Layout = "auto"
	LayoutNHWC Layout = "nhwc"
	LayoutNCHW Layout = "nchw"
)

// Values says what arrays hold.
type Values string

const (
	ValuesAuto    Values = "auto"
	ValuesPixels  Values = "pixels"
	ValuesNumbers Values = "numbers"
)

// Labels are those of a data set that has several.
type Labels string

// Statistic is a number for each channel, or one for all; nil with Auto is measured, without the data set's own.
type Statistic struct {
	Auto   bool
	Values []float32
}

// Own tells that it is the data set's own.
func (s Statistic) Own() bool { return !s.Auto && s.Values == nil }

const maxChannels = 65536

// statistic is a Statistic: own, auto, a number or a list of them.
type statistic struct {
	what        string
	least, most int // numbers in a list
	positive    bool
}

func (k statistic) parse(n *syntax.Node) (any, error) {
	switch {
	case n.Kind == syntax.String && n.Text == "own":
		return Statistic{}, nil
	case n.Kind == syntax.String && n.Text == "auto":
		return Statistic{Auto: true}, nil
	case n.Kind != syntax.List && k.least == 1:
		v, err := k.number(n)
		return Statistic{Values: []float32{v}}, err
	case n.Kind != syntax.List || len(n.Items) < k.least || len(n.Items) > k.most:
		return nil, errKind
	}
	errs := ErrorList{}
	s := Statistic{}
	for _, it := range n.Items {
		v, err := k.number(it)
		switch {
		case it.Kind == syntax.Bad:
		case err != nil:
			errs.Report(it.Pos, "wanted %s, found %s", k.what, it.Describe())
		default:
			s.Values = append(s.Values, v)
		}
	}
	if len(s.Values) < len(n.Items) {
		return nil, errs
	}
	if k.least == 2 && s.Values[0] > s.Values[1] {
		return nil, errKind
	}
	return s, nil
}

func (k statistic) number(n *syntax.Node) (float32, error) {
	if n.Kind != syntax.Int && n.Kind != syntax.Float {
		return 0, errKind
	}
	v, err := strconv.ParseFloat(n.Text, 32)
	if err != nil || math.IsInf(v, 0) || v != v || k.positive && v <= 0 {
		return 0, errKind
	}
	return float32(v), nil
}

func (statistic) format(v any) string {
	s := v.(Statistic)
	switch {
	case s.Auto:
		return "auto"
	case s.Own():
		return "own"
	}
	var all []string
	for _, x := range s.Values {
		all = append(all, strconv.FormatFloat(float64(x), 'g', -1, 32))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func (k statistic) describe() string {
	if k.least == 2 {
		return "own, auto, or [least, greatest]"
	}
	return "own, auto, " + k.what + ", or a list with one for each channel"
}

func (k statistic) schema() map[string]any {
	number := map[string]any{"type": "number"}
	if k.positive {
		number["exclusiveMinimum"] = 0
	}
	kinds := []any{map[string]any{"enum": []string{"own", "auto"}}, map[string]any{"type": "array", "items": number, "minItems": k.least, "maxItems": k.most}}
	if k.least == 1 {
		kinds = append(kinds, number)
	}
	return map[string]any{"anyOf": kinds}
}

// shape3 is height, width and channels, or an empty list, as [3]int.
type shape3 struct{}

func (shape3) parse(n *syntax.Node) (any, error) {
	var s [3]int
	if n.Kind != syntax.List || len(n.Items) != 0 && len(n.Items) != len(s) {
		return nil, errKind
	}
	for i, it := range n.Items {
		v, err := integer{1, maxInt}.parse(it)
		if err != nil {
			return nil, errKind
		}
		s[i] = v.(int)
	}
	return s, nil
}

func (shape3) format(v any) string {
	s := v.([3]int)
	if s == [3]int{} {
		return "[]"
	}
	return fmt.Sprintf("[%d, %d, %d]", s[0], s[1], s[2])
}

func (shape3) describe() string { return "[height, width, channels], or []" }

func (shape3) schema() map[string]any {
	return map[string]any{"type": "array", "items": integer{1, maxInt}.schema(), "minItems": 0, "maxItems": 3}
}

// OfArrays tells that the data set is NumPy arrays.
func (d Dataset) OfArrays() bool { return datasets.OfArrays(string(d)) }

// Open tells that it is not known what an example is.
func (a Arrays) Open() bool { return a.Shape == [3]int{} || a.Values == ValuesAuto }

// followArrays gives arrays, which may be no images, defaults of their own: nothing is augmented, and statistics are measured. The
// range of other numbers follows their normalization.
func followArrays(c *Config) {
	d := &c.Data
	given := func(path string) bool { _, given := c.origins[path]; return given }
	if d.Dataset.OfArrays() {
		if !given("data.augment.crop") {
			d.Augment.Crop = 0
		}
		if !given("data.augment.flip") {
			d.Augment.Flip = false
		}
		for path, s := range map[string]*Statistic{"data.mean": &d.Mean, "data.std": &d.Std, "data.range": &d.Range} {
			if s.Own() && !(path == "data.range" && d.Arrays.Values == ValuesPixels) {
				s.Auto = true
			}
		}
	} else if datasets.OfNumbers(string(d.Dataset)) && !given("data.range") && !(d.Mean.Own() && d.Std.Own()) {
		d.Range.Auto = true
	}
}

// labelsField is the key of data sets with several sets of labels.
func labelsField() field {
	var all []Labels
	for _, name := range datasets.Names() {
		for _, l := range datasets.Labels(name) {
			if !slices.Contains(all, Labels(l)) {
				all = append(all, Labels(l))
			}
		}
	}
	return field{key: "labels", doc: "Labels of `cifar100`: 100 `fine` ones, or 20 `coarse` ones.", kind: enum[Labels]{values: all}, def: all[0], at: func(c *Config) any { return &c.Data.Labels }}
}

// statisticRules hold lists against the channels that there are.
func statisticRules() (rules []crossRule) {
	for _, f := range statisticFields[:2] {
		path := "data." + f.key
		rules = append(rules, crossRule{[]string{path, "data.dataset"}, func(c *Config) string { return c.Data.fits(path, *f.at(c).(*Statistic), c.DataOptions("")) }})
	}
	return append(rules, crossRule{[]string{"data.range", "data.dataset"}, func(c *Config) string {
		if d := c.Data; d.Range.Own() || d.Dataset.OfArrays() && d.Arrays.Values != ValuesPixels || datasets.OfNumbers(string(d.Dataset)) {
			return ""
		}
		return "data.range has no effect on pixels, which are from 0 to 255; remove it"
	}})
}

// fits says what is wrong with a list for the data set, or "".
func (d Data) fits(path string, s Statistic, o datasets.Options) string {
	if len(s.Values) < 2 {
		return ""
	}
	o.Mean, o.Std = nil, nil
	of, err := datasets.Describe(string(d.Dataset), o)
	if err != nil || of.Channels == len(s.Values) {
		return ""
	}
	return fmt.Sprintf("%s has %d numbers; wanted 1, or one for each of the %d channels of %s", path, len(s.Values), of.Channels, d.Dataset)
}
