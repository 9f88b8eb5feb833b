package experiments

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts a table, and whatever lies beside it, into a folder and returns the table's path.
func write(t *testing.T, table string, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(more); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, more[i]), []byte(more[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(path, []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func loaded(t *testing.T, table string, more ...string) *Table {
	t.Helper()
	tab, err := Load(write(t, table, more...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func names(tab *Table) string {
	var all []string
	for _, c := range tab.Cells {
		all = append(all, c.Name())
	}
	return strings.Join(all, "; ")
}

const twoByTwo = `
config: quickstart
set: {train.epochs: 3, data.validation: 100}
axes:
  method:
    LSQ: {published: {method: PACT}, note: one}
    DoReFa: {set: {quant: {weights: {estimator: dorefa}}}}
  bits:
    4/4: {set: {quant.weights.bits: 4, quant.activations.bits: 4}, published: {w_bits: 4, a_bits: 4}}
    2/2: {set: {quant.weights.bits: 2, quant.activations.bits: 2, train.epochs: 5}, published: {w_bits: 2, a_bits: 2}, note: two}
published: {where: {dataset: CIFAR-10, network: ResNet-20}}
`

func TestCells(t *testing.T) {
	tab := loaded(t, twoByTwo)
	if got := names(tab); got != "LSQ 4/4; LSQ 2/2; DoReFa 4/4; DoReFa 2/2" {
		t.Fatalf("cells %s", got)
	}
	if len(tab.Seeds) != 1 || tab.Seeds[0] != 0 || strings.Join(tab.Rows, " ") != "method" || strings.Join(tab.Columns, " ") != "bits" || tab.Title != "mine" {
		t.Errorf("seeds %v, rows %v, columns %v, title %q", tab.Seeds, tab.Rows, tab.Columns, tab.Title)
	}
	last := tab.Cells[3].Config
	if last.Quant.Weights.Estimator != "dorefa" || last.Quant.Weights.Bits != 2 || last.Quant.Activations.Bits != 2 || last.Train.Epochs != 5 || last.Data.Validation != 100 {
		t.Errorf("the last cell is %+v", last.Quant.Weights)
	}
	if first := tab.Cells[0]; first.Config.Train.Epochs != 3 || first.Full.String() != "3ep" || first.Note != "one" || tab.Cells[1].Note != "one; two" {
		t.Errorf("the first cell trains %d epochs, its note is %q", first.Config.Train.Epochs, first.Note)
	}
	// PACT's numbers (Choi et al. 2018, Table 1).
	if p := tab.Cells[0].Published; p == nil || p.Top1 != 91.3 || *p.Float != 91.6 || tab.Cells[1].Published.Top1 != 89.7 {
		t.Errorf("published %+v", p)
	}
	if tab.Cells[2].Published != nil {
		t.Error("a value without published, in an axis that has some, has a published number")
	}
}

func TestCellsLeftOutAddedAndOnly(t *testing.T) {
	tab := loaded(t, `
config: quickstart
axes:
  method: {A: , B: {set: {train.lr: 0.5}}, C: {only: {bits: [8/8]}}}
  bits: {8/8: , 4/4: {set: {quant.weights.bits: 4}}}
leave_out: [{method: [A], bits: 4/4}]
add:
  - {method: D, bits: 2/2, set: {quant.weights.bits: 2}, published: {dataset: CIFAR-10, network: ResNet-20, method: LQ-Nets, w_bits: 2, a_bits: 2}}
`)
	if got := names(tab); got != "A 8/8; B 8/8; B 4/4; C 8/8; D 2/2" {
		t.Errorf("cells %s", got)
	}
	d := tab.Cells[4]
	if d.Config.Quant.Weights.Bits != 2 || d.Published == nil || d.Published.Top1 != 90.2 {
		t.Errorf("the added cell has %d bits and %+v", d.Config.Quant.Weights.Bits, d.Published)
	}
	if got := strings.Join(tab.Axes[0].Values, " ") + ", " + strings.Join(tab.Axes[1].Values, " "); got != "A B C D, 8/8 4/4 2/2" {
		t.Errorf("axes %s", got)
	}
	// An axis that leave_out does not name may have any value; a cell that is added may have a number of its own.
	tab = loaded(t, `
config: quickstart
axes:
  method: {PACT: {published: {method: PACT}}, mine: {set: {train.lr: 0.5}}}
  bits: {4/4: {published: {w_bits: 4, a_bits: 4}}, 2/2: {published: {w_bits: 2, a_bits: 2}, set: {quant.weights.bits: 2}}}
leave_out: [{method: mine}]
add: [{method: mine, bits: 2/2, published: {method: LQ-Nets}}]
published: {where: {dataset: CIFAR-10, network: ResNet-20}}
`)
	if p := tab.Cells[len(tab.Cells)-1].Published; names(tab) != "PACT 4/4; PACT 2/2; mine 2/2" || p == nil || p.Top1 != 90.2 {
		t.Errorf("cells %s, published %+v", names(tab), p)
	}
}

func TestAnAxisOfAKey(t *testing.T) {
	tab := loaded(t, "config: quickstart\naxes: {train.lr: [0.1, 0.01], seeded: {a: }}\nrows: seeded\nseeds: [3, 5]")
	if got := names(tab); got != "0.1 a; 0.01 a" || tab.Cells[1].Config.Train.LR != 0.01 {
		t.Errorf("cells %s", got)
	}
	if strings.Join(tab.Columns, "") != "train.lr" || len(tab.Seeds) != 2 || tab.Seeds[1] != 5 {
		t.Errorf("columns %v, seeds %v", tab.Columns, tab.Seeds)
	}
}

// TestEpochsOfTheSource: the last value that knows them counts, and a cell without a published number has none.
func TestEpochsOfTheSource(t *testing.T) {
	tab := loaded(t, `
config: quickstart
axes:
  method: {PACT: {published: {method: PACT}, epochs: 200}, DoReFa: {published: {method: DoReFa-Net}}}
  bits: {5/5: {published: {w_bits: 5, a_bits: 5}, set: {train.lr: 0.1}}, 2/2: {published: {w_bits: 2, a_bits: 2}, epochs: 7}, 8/8: {published: {w_bits: 8, a_bits: 8}, set: {train.lr: 0.2}, epochs: 9}}
published: {where: {dataset: CIFAR-10, network: ResNet-20}}
`)
	for i, want := range []int{200, 7, 0, 0, 7, 0} {
		if p := tab.Cells[i].Published; p == nil && want > 0 || p != nil && p.Epochs != want {
			t.Errorf("%s: %+v; want %d epochs", tab.Cells[i].Name(), p, want)
		}
	}
	if tab.Cells[2].Published != nil {
		t.Error("a cell that no row matches has a published number")
	}
}

// TestManyAxes: each cell has its own values.
func TestManyAxes(t *testing.T) {
	tab := loaded(t, "config: quickstart\naxes: {train.lr: [0.5, 0.25], train.batch: [8, 16], train.epochs: [1, 2], data.validation: [10, 20]}")
	for _, c := range tab.Cells {
		if has := fmt.Sprint(c.Config.Train.LR, c.Config.Train.Batch, c.Config.Train.Epochs, c.Config.Data.Validation); has != c.Name() {
			t.Errorf("the cell %s has %s", c.Name(), has)
		}
	}
	if len(tab.Cells) != 16 {
		t.Errorf("%d cells; want 16", len(tab.Cells))
	}
}

// TestConfigsBesideTheTable: a config is looked for beside the table, then among the embedded ones.
func TestConfigsBesideTheTable(t *testing.T) {
	tab := loaded(t, "axes: {method: {A: {config: own}, B: {config: quickstart}}}", "own.yaml", "extends: quickstart\ntrain: {epochs: 7}\n")
	if tab.Cells[0].Config.Train.Epochs != 7 || tab.Cells[1].Config.Name != "quickstart" {
		t.Errorf("epochs %d, config %s", tab.Cells[0].Config.Train.Epochs, tab.Cells[1].Config.Name)
	}
}

// TestOwnPublished: a user's numbers go before the embedded ones.
func TestOwnPublished(t *testing.T) {
	tab := loaded(t, `
config: quickstart
axes: {method: {A: {published: {method: PACT, w_bits: 4, a_bits: 4}}, B: {published: {method: PACT, w_bits: 2, a_bits: 2}}}}
published: {files: own.csv, where: {dataset: CIFAR-10, network: ResNet-20}}
`, "own.csv", "\uFEFFdataset,network,method,w_bits,a_bits,top1,reported_in\nCIFAR-10 ,ResNet-20, PACT,4,4, 77.5,me\n")
	if a, b := tab.Cells[0].Published, tab.Cells[1].Published; a.Top1 != 77.5 || a.Source != "me" || b.Top1 != 89.7 {
		t.Errorf("published %+v and %+v", a, b)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ table, want string }{
		{"", "mine.yaml:1:1: a table: wanted a map with keys title, note, config,"},
		{"config: quickstart", "axes are missing"},
		{"config: quickstrat\naxes: {train.lr: [0.1, 0.2]}", `mine.yaml:1:9: config: no file`},
		{"config: quickstart\naxis: {}", `mine.yaml:2:1: unexpected key "axis" in a table (did you mean "axes"?)`},
		{"config: quickstart\naxes: {}", "mine.yaml:2:7: axes: wanted a map"},
		{"config: quickstart\naxes: {train.lr: []}", "axes: train.lr: wanted a map of names"},
		{"config: quickstart\naxes: {train.lr: [0.1, 0.1]}", "mine.yaml:2:24: axes: train.lr: 0.1 stands there twice"},
		{"config: quickstart\naxes: {train.lr: [-1]}", "mine.yaml:2:19: train.lr: wanted"},
		{"config: quickstart\naxes: {m: {A: {set: {train.epohcs: 1}}}}", `mine.yaml:2:22: unexpected key "epohcs" in train (did you mean "epochs"?)`},
		{"config: quickstart\naxes: {m: {A: {set: {extends: x}}}}", `"extends" belongs in a config`},
		{"config: quickstart\naxes: {m: {A: {set: 3}}}", `mine.yaml:2:21: set: wanted a map`},
		{"config: quickstart\naxes: {m: {A: {sets: {}}}}", `unexpected key "sets" in a value of an axis (did you mean "set"?)`},
		{"config: quickstart\naxes: {m: {A: , B: }}\nrows: n", `there is no axis "n"`},
		{"config: quickstart\naxes: {m: {A: , B: }, n: {C: }}\nrows: m\ncolumns: m", `the axis "n" is neither in rows nor in columns`},
		{"config: quickstart\naxes: {m: {A: , B: }, n: {C: }}\nrows: [m, n]\ncolumns: m", `the axis "m" is in rows and in columns`},
		{"config: quickstart\naxes: {m: {A: , B: }}\nleave_out: [{m: C}]", "mine.yaml:3:13: leave_out: it matches no cell"},
		{"config: quickstart\naxes: {m: {A: }}\nleave_out: [{m: A}]", "the table has no cell"},
		{"config: quickstart\naxes: {m: {A: }, n: {B: }}\nadd: [{m: A}]", "mine.yaml:3:7: add: n is missing"},
		{"config: quickstart\naxes: {m: {A: }}\nadd: [{m: A}]", `add: "A" is a cell of the axes already`},
		{"config: quickstart\naxes: {m: {A/B: , A B: }}", `the cells "A/B" and "A B" would have the same files, a_b`},
		{"config: quickstart\naxes: {m: {A: {only: {n: X}}}, n: {Y: }}", `only.n: there is no value "X"`},
		{"config: quickstart\naxes: {m: {A: {published: {network: ResNet-20, dataset: CIFAR-10, method: PACT}}}}", "published: embedded:published.csv:"},
		{"config: quickstart\naxes: {m: {A: {epochs: 0}}}", "mine.yaml:2:24: epochs: wanted how many the source of the published number trained"},
		{"config: quickstart\naxes: {m: {A: {epochs: 20ep}}}", "epochs: wanted how many"},
		{"config: quickstart\naxes: {m: {A: }}\nseeds: 0", "mine.yaml:3:8: seeds: wanted a number from 1"},
		{"config: quickstart\naxes: {m: {A: }}\nseeds: [1, 1]", "seeds: 1 stands there twice"},
		{"config: quickstart\naxes: {m: {A: }}\nseeds: []", "mine.yaml:3:8: seeds: wanted a number of seeds, or a list of seeds such as [0, 1, 2]; found an empty list"},
		{"config: quickstart\naxes: {m: {A: }}\nseeds: [-1]", "seeds: wanted a number of seeds"},
		{"config: quickstart\naxes: {m: {A: }}\nbudget: 2", "budget: wanted a time such as 90m or 2h"},
		{"config: quickstart\naxes: {seeds: {A: }}", "mine.yaml:2:8: axes: table.csv has a column seeds already"},
		{"config: quickstart\naxes: {train.seed: [1, 2]}", "mine.yaml:2:8: the seeds of a table are its key seeds"},
		{"config: quickstart\nset: {train: {seed: 1}}\naxes: {m: {A: }}", "mine.yaml:2:7: the seeds of a table are its key seeds"},
		{"config: quickstart\naxes: {m: {A: {set: {train.seed: 1}}}}", "mine.yaml:2:22: the seeds of a table are its key seeds"},
		{"config: quickstart\naxes: {m: {A: }}\nadd: [{m: B, set: {train.seed: 1}}]", "mine.yaml:3:20: the seeds of a table are its key seeds"},
		{"config: quickstart\naxes: {m: {A: {published: {methd: LSQ}}}}", `mine.yaml:2:12: published: there is no column "methd" (did you mean "method"?)`},
		{"config: quickstart\naxes: {m: {A: }}\npublished: {where: {nets: x}}", `published: there is no column "nets"`},
		{"config: quickstart\naxes: {m: {A: }}\nrows: [m, m]", "rows: m stands there twice"},
		{"axes: {m: {A: }}", "there is no config"},
		{"config: quickstart\naxes: {m: {A: }}\npublished: {files: none.csv}", "mine.yaml:3:20: published.files: "},
		{"config: quickstart\naxes: {m: &a {A: }}", "YAML anchors"},
		{"config: quickstart\naxes: {m: {A: }}\nadd: [{m: B, published: {methd: LSQ}}]", `mine.yaml:3:7: published: there is no column "methd"`},
		{"config: quickstart\naxes: {train.steps: [" + numbers(1001) + "]}", "mine.yaml:2:8: axes: train.steps: 1001 values; wanted at most 1000"},
		{"config: quickstart\naxes: {train.epochs: [" + numbers(200) + "], train.batch: [" + numbers(200) + "]}", "more than 10000 cells"},
	} {
		tab, err := Load(write(t, c.table), nil)
		if err == nil {
			t.Errorf("%q gives a table of %d cells", c.table, len(tab.Cells))
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %q", c.table, err, c.want)
		}
	}
}

func numbers(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i+1))
	}
	return strings.Join(all, ", ")
}

func TestPublishedFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "it is empty",
		"a,b\n":                               `there is no column "top1"`,
		"top1,reported_in\n0,x\n":             `f:2: top1: wanted an accuracy`,
		"top1,reported_in\n101,x\n":           `f:2: top1: wanted an accuracy in percent, above 0 and up to 100; found "101"`,
		"top1,reported_in\n0.9":               "f:2:1: wrong number of fields",
		"top1,top1,reported_in\n":             `f:1: there are two columns "top1"`,
		"\uFEFF\"top1\",reported_in\r\n1,\"a": "f:2:",
		"top1,reported_in\nNaN,x\n":           `found "NaN"`,
		"top1,reported_in,fp_top1\n9,x,-\n":   `f:2: fp_top1: wanted`,
	} {
		if _, err := readPublished("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// TestEmbedded: every embedded table can be read, and its cells have different experiments.
func TestEmbedded(t *testing.T) {
	for _, name := range Names() {
		tab, err := Load(name, nil)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		of := map[string]string{}
		for _, c := range tab.Cells {
			h := hash(c.Config)
			if other, twice := of[h]; twice {
				t.Errorf("%s: %q and %q are the same experiment", name, other, c.Name())
			}
			of[h] = c.Name()
			if c.Config.Data.Validation != 5000 && name != "mini" {
				t.Errorf("%s: %q chooses its epoch on %d held-out images; want 5000", name, c.Name(), c.Config.Data.Validation)
			}
		}
	}
}

// TestNames: an embedded table has its name, with or without its suffix and the folder of the sources; a folder does not hide it,
// a file does.
func TestNames(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("mini", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mini", "mini.yaml", "experiments/mini", "experiments/mini.yaml"} {
		if tab, err := Load(name, nil); err != nil || tab.Name != "mini" || len(tab.Cells) != 4 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{"elsewhere/mini": "no such file or embedded table (did you mean \"mini\"", "../mini": "no such file", ".": "is a directory", "": "no such file"} {
		if _, err := Load(name, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", name, err, want)
		}
	}
	if err := os.WriteFile("mini.yaml", []byte("config: quickstart\naxes: {m: {A: }}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if tab, err := Load("mini.yaml", nil); err != nil || len(tab.Cells) != 1 {
		t.Errorf("a file of an embedded table's name: %v", err)
	}
}

// TestSlugs: files have names of letters and digits of any script, and of a length that systems take.
func TestSlugs(t *testing.T) {
	for name, want := range map[string]string{"LSQ+ 4/4": "lsq+_4_4", "../x": "x", "猫 Ü": "猫_ü", "//": "cell", ".a-b.": "a-b.", "a\x1b[2J": "a_2j"} {
		if got := slug(name); got != want {
			t.Errorf("%q: %q; want %q", name, got, want)
		}
	}
	if got := slug(strings.Repeat("猫", 1000)); len(got) > 200 {
		t.Errorf("a name of %d bytes", len(got))
	}
}

func TestSelect(t *testing.T) {
	tab := loaded(t, twoByTwo)
	for glob, want := range map[string]int{"": 4, "LSQ *": 2, "*2/2": 2, "lsq_4_4": 1, "LSQ 2/2|DoReFa *": 3} {
		if cells, err := tab.Select(glob); err != nil || len(cells) != want {
			t.Errorf("%q selects %d cells (%v); want %d", glob, len(cells), err, want)
		}
	}
	if _, err := tab.Select("PACT *"); err == nil || !strings.Contains(err.Error(), `matches no cell of mine; the first is "LSQ 4/4"`) {
		t.Errorf("%v", err)
	}
}
