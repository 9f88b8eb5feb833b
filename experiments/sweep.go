package experiments

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/syntax"
)

// Sweep is the small form of a table: a config, and key=a,b,c for each axis. A key with one value is set in all runs; seeds are
// given as seed=0,1,2, and a range of whole numbers as 0..4.
func Sweep(config string, args []string) (*Table, error) {
	var errs syntax.ErrorList
	d := decoder{&errs}
	s := &source{at: syntax.Pos{Argument: config}}
	s.config = &syntax.Node{Pos: s.at, Kind: syntax.String, Text: config}
	name := strings.TrimSuffix(path.Base(filepath.ToSlash(config)), ".yaml")
	for _, arg := range args {
		at := syntax.Pos{Argument: arg}
		key, text, ok := configs.CutValue(arg)
		values := splitValues(text)
		if !ok || key == "" || len(values) == 0 {
			errs.Report(at, "wanted key=value, or key=a,b,c for a sweep, such as train.lr=0.1,0.01")
			continue
		}
		n := &syntax.Node{Pos: at, Kind: syntax.List}
		for _, v := range values {
			item := syntax.Parse([]byte(v), func(int, int) syntax.Pos { return at }, &errs)
			n.Items = append(n.Items, item)
		}
		switch {
		case key == "seed" || key == "train.seed":
			s.seeds = d.seeds(n)
		case len(values) == 1:
			s.set = append(s.set, &syntax.Node{Pos: at, Kind: syntax.Map, Entries: []syntax.Entry{{Key: key, Pos: at, Value: n.Items[0]}}})
		default:
			s.axes = append(s.axes, axisSource{name: key, pos: at, values: d.keyValues(key, n)})
			name += "-" + key
		}
	}
	if len(errs) > 0 {
		return nil, errs.Sorted()
	}
	if len(s.axes) == 0 { // seeds alone
		s.axes = []axisSource{{name: "config", values: []valueSource{{name: name}}}}
	}
	s.title = "Sweep of " + config
	return s.build(d, name, "", nil)
}

// maxRange is the most that 0..n gives.
const maxRange = maxValues

// splitValues splits at commas outside brackets and quotes, and writes out a range.
func splitValues(text string) []string {
	var all []string
	depth, start := 0, 0
	quote := rune(0) // that a value began with
	for i, r := range text + "," {
		switch {
		case quote != 0 && i < len(text):
			if r == quote {
				quote = 0
			}
		case (r == '"' || r == '\'') && strings.Trim(text[start:i], " [{,") == "":
			quote = r
		case r == '[', r == '{':
			depth++
		case r == ']', r == '}':
			depth--
		case r == ',':
			if depth <= 0 || i == len(text) {
				all = append(all, strings.TrimSpace(text[start:i]))
				start = i + 1
			}
		}
	}
	if len(all) == 1 {
		if from, to, ok := strings.Cut(all[0], ".."); ok {
			a, err1 := strconv.Atoi(from)
			b, err2 := strconv.Atoi(to)
			if err1 == nil && err2 == nil && a <= b && b-a < maxRange {
				all = all[:0]
				for i := a; i <= b; i++ {
					all = append(all, fmt.Sprint(i))
				}
			}
		}
	}
	if len(all) == 1 && all[0] == "" {
		return nil
	}
	return all
}
