package experiments

import (
	"strings"
	"testing"
)

func TestSweep(t *testing.T) {
	tab, err := Sweep("quickstart", []string{"train.lr=0.1,0.01", "seed=0..2", "train.epochs=2", "quant.weights.bits=4,2"})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(tab); got != "0.1 4; 0.1 2; 0.01 4; 0.01 2" || len(tab.Seeds) != 3 || tab.Name != "quickstart-train.lr-quant.weights.bits" {
		t.Errorf("%s: cells %s, seeds %v", tab.Name, got, tab.Seeds)
	}
	if c := tab.Cells[3].Config; c.Train.LR != 0.01 || c.Quant.Weights.Bits != 2 || c.Train.Epochs != 2 {
		t.Errorf("the last cell has lr %v, %d bits, %d epochs", c.Train.LR, c.Quant.Weights.Bits, c.Train.Epochs)
	}
	if tab, err := Sweep("quickstart", []string{"train.seed=3,1"}); err != nil || len(tab.Seeds) != 2 || tab.Seeds[0] != 3 || len(tab.Cells) != 1 {
		t.Errorf("seeds as a key of the config: %+v, %v", tab, err)
	}
	for arg, want := range map[string]string{
		"train.lr": "wanted key=value", "train.lr=": "wanted key=value", "train.lr=0.1,x": `train.lr: wanted`, "trian.lr=1,2": `unexpected key "trian"`, "seed=x": "seeds: wanted",
	} {
		if _, err := Sweep("quickstart", []string{arg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", arg, err, want)
		}
	}
}

func TestSplitValues(t *testing.T) {
	for text, want := range map[string]string{
		"1,2": "1|2", "[1,2],[3]": "[1,2]|[3]", "{a: 1, b: 2}": "{a: 1, b: 2}", `"a,b",'c,[d'`: `"a,b"|'c,[d'`, "it's,b": "it's|b", "0..3": "0|1|2|3", "3..0": "3..0", "0..1000": "0..1000", "a..b": "a..b", "": "",
	} {
		if got := strings.Join(splitValues(text), "|"); got != want {
			t.Errorf("%q splits into %q; want %q", text, got, want)
		}
	}
}
