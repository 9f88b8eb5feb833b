package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
)

// trains is what the methods of shipped tables train, by their names there, the longest that a name begins with: the
// estimator of weights, and that of activations.
var trains = map[string]string{
	"DoReFa": "dorefa dorefa", "PACT": "dorefa pact", "LQ-Nets": "lq_nets lq_nets", "LSQ": "lsq lsq", "LSQ+": "lsq_plus lsq_plus", "APoT": "apot apot",
	"EWGS": "ewgs ewgs", "DSQ": "dsq dsq", "QIL": "qil qil", "SAWB": "sawb pact", "TTQ": "ttq", "TWN": "twn", "BWN": "bwn", "INQ": "inq", "k-means": "kmeans",
	"XNOR-Net": "xnor xnor", "BNN": "bnn bnn", "Bi-Real": "bireal bireal", "IR-Net": "irnet irnet", "IR-Net, weights": "irnet", "ReActNet": "reactnet reactnet",
	"ReSTE": "bwn sign", "ReSTE, weights": "bwn", "HWGQ": "bwn hwgq", "SinReQ": "lsq lsq", "KURE": "lsq lsq", "HAWQ-V3": "lsq lsq", "EdMIPS": "lsq lsq", "ends": "lsq lsq", "all": "lsq lsq", "uniform": "lsq lsq", "Hessian": "lsq lsq", "perturbation": "lsq lsq", "SQNR": "lsq lsq", "scales": "lsq lsq", "float": "",
}

// shippedNetworks are the architectures of tables, by what their names begin with.
var shippedNetworks = map[string]string{
	"mini": "resnet20", "survey_rokh": "resnet20", "cifar10_": "resnet20", "cifar10_vgg_small": "vgg_small custom", "imagenet_resnet18": "resnet18 preresnet18",
	"imagenet_resnet50": "resnet50", "imagenet_mobilenet_v2": "mobilenet_v2",
}

// namedConfigs are the configs of cells whose names say no bits.
var namedConfigs = map[string]string{
	"HAWQ-V3 size 75 %": "imagenet_resnet18_hawq_size75", "HAWQ-V3 size 50 %": "imagenet_resnet18_hawq_size50", "HAWQ-V3 size 25 %": "imagenet_resnet18_hawq_size25",
	"HAWQ-V3 BitOps 75 %": "imagenet_resnet18_hawq_bitops75", "HAWQ-V3 BitOps 50 %": "imagenet_resnet18_hawq_bitops50", "HAWQ-V3 BitOps 25 %": "imagenet_resnet18_hawq_bitops25",
	"EdMIPS 1.992 bits": "imagenet_resnet18_edmips",
	"uniform 90 kB":     "resnet20_w2a2", "uniform 107 kB": "resnet20_w3a3", "uniform 140 kB": "resnet20_w4a4",
	"Hessian 90 kB": "resnet20_90kb_hessian", "Hessian 107 kB": "resnet20_107kb_hessian", "Hessian 140 kB": "resnet20_140kb_hessian",
	"perturbation 90 kB": "resnet20_90kb_perturb", "perturbation 107 kB": "resnet20_107kb_perturb", "perturbation 140 kB": "resnet20_140kb_perturb",
	"SQNR 90 kB": "resnet20_90kb_sqnr", "SQNR 107 kB": "resnet20_107kb_sqnr", "SQNR 140 kB": "resnet20_140kb_sqnr",
	"scales 90 kB": "resnet20_90kb_scales", "scales 107 kB": "resnet20_107kb_scales", "scales 140 kB": "resnet20_140kb_scales",
}

// longest is the value of the longest key that a text begins with.
func longest(t *testing.T, of map[string]string, text string) string {
	t.Helper()
	best := ""
	for _, key := range slices.Sorted(maps.Keys(of)) {
		if strings.HasPrefix(text, key) && len(key) > len(best) {
			best = key
		}
	}
	if best == "" {
		t.Errorf("%q is not known to this test", text)
	}
	return of[best]
}

// bitsOf reads names such as 4/4, 1/1 signs and 2/32, and "8 bits 4 bits" of two axes.
func bitsOf(cell string) (weights, activations configs.Bits, ok bool) {
	fields := strings.Fields(strings.TrimSuffix(cell, " signs"))
	last := fields[len(fields)-1]
	w, a, ok := strings.Cut(last, "/")
	if !ok && len(fields) == 4 {
		w, a, ok = fields[0], fields[2], strings.HasPrefix(fields[1]+last, "bit")
	}
	number := func(text string) configs.Bits {
		n, err := strconv.Atoi(text)
		if ok = ok && err == nil; n == 32 {
			return configs.FP
		}
		return configs.Bits(n)
	}
	return number(w), number(a), ok
}

// TestShippedNames: a cell trains what its names say.
func TestShippedNames(t *testing.T) {
	for _, name := range Names() {
		tab, err := Load(name, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, c := range tab.Cells {
			q, at := c.Config.Quant, name+": "+c.Name()
			if named, ok := namedConfigs[c.Name()]; ok {
				if c.Config.Name != named {
					t.Errorf("%s is %s; want %s", at, c.Config.Name, named)
				}
			} else if w, a, ok := bitsOf(c.Name()); !ok || q.Weights.Bits != w || q.Activations.Bits != a {
				t.Errorf("%s has W%v A%v", at, q.Weights.Bits, q.Activations.Bits)
			}
			if want := longest(t, shippedNetworks, name); !slices.Contains(strings.Fields(want), string(c.Config.Model.Arch)) {
				t.Errorf("%s is on %s", at, c.Config.Model.Arch)
			}
			switch name {
			case "cifar10_bits":
				if q.FirstLast != 8 || q.Residual != 8 {
					t.Errorf("%s has ends of %v and sums of %v", at, q.FirstLast, q.Residual)
				}
			case "cifar10_estimators":
				method, ste := "lsq", strings.ToLower(strings.Fields(c.Values[0])[0])
				if c.Values[1] == "1/1" {
					method = "bireal"
				}
				for _, s := range []configs.TensorSpec{q.Weights, q.Activations} {
					if strings.ReplaceAll(string(s.STE), "_", "") != ste || string(s.Estimator) != method {
						t.Errorf("%s has %s with %s", at, s.Estimator, s.STE)
					}
					for _, o := range s.Options {
						if name, value, ok := strings.Cut(c.Values[0], o.Name+" "); ok && fmt.Sprint(o.Value.At(0)) != value {
							t.Errorf("%s%s is %v", name, o.Name, o.Value.At(0))
						}
					}
				}
			case "cifar10_calibration":
				repair := map[[2]bool]string{{}: "none", {true}: "bias correction", {false, true}: "batch norm", {true, true}: "both"}[[2]bool{q.BiasCorrection, q.BatchNormReestimation > 0}]
				if string(q.Weights.Calibration) != c.Values[0] || repair != c.Values[1] || c.Config.Train.Epochs != 0 {
					t.Errorf("%s calibrates by %s with %s, and trains %d epochs", at, q.Weights.Calibration, repair, c.Config.Train.Epochs)
				}
			default:
				method := c.Values[0]
				if _, of, ok := strings.Cut(method, ": "); ok {
					method = of
				}
				want := append(strings.Fields(longest(t, trains, method)), "", "")
				if w := string(q.Weights.Estimator); q.Weights.Bits != configs.FP && w != want[0] {
					t.Errorf("%s has weights of %s", at, w)
				}
				if a := string(q.Activations.Estimator); q.Activations.Bits != configs.FP && a != want[1] {
					t.Errorf("%s has activations of %s", at, a)
				}
			}
		}
	}
}

// TestShippedPublished: a cell that names a published number has one, and where a paper's ends are known a table of papers has them.
func TestShippedPublished(t *testing.T) {
	numbers := map[string]int{}
	for _, name := range Names() {
		tab, err := Load(name, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, c := range tab.Cells {
			if c.Published == nil {
				continue
			}
			numbers[name]++
			if c.Published.Confidence != "seen" || c.Published.Source == "" {
				t.Errorf("%s: %q has a number that was not read at its source: %+v", name, c.Name(), c.Published)
			}
			if name != "cifar10_resnet20_common" && name != "mini" {
				for _, d := range (&Summary{Cell: c}).Deviations() {
					if strings.HasPrefix(d, "ends: ") {
						t.Errorf("%s: %q: %s", name, c.Name(), d)
					}
				}
			}
		}
	}
	want := map[string]int{
		"mini": 2, "cifar10_resnet20": 29, "cifar10_resnet20_common": 29, "cifar10_vgg_small": 17, "imagenet_resnet18": 58, "imagenet_resnet18_mixed": 10, "imagenet_resnet50": 25, "imagenet_mobilenet_v2": 6,
	}
	if !maps.Equal(numbers, want) {
		t.Errorf("cells with a published number: %v; want %v", numbers, want)
	}
}

// TestEveryKind: the tables of gradient estimators and of calibrations have all that there are.
func TestEveryKind(t *testing.T) {
	tab, err := Load("cifar10_estimators", nil)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, c := range tab.Cells {
		have = append(have, string(c.Config.Quant.Weights.STE))
	}
	for _, ste := range estimators.STEs() {
		if !slices.Contains(have, ste.Name) {
			t.Errorf("there is no cell of %s", ste.Name)
		}
	}
	if tab, err = Load("cifar10_calibration", nil); err != nil {
		t.Fatal(err)
	}
	have = nil
	for _, c := range tab.Cells {
		have = append(have, string(c.Config.Quant.Weights.Calibration))
	}
	for _, c := range estimators.Calibrations() {
		if !slices.Contains(have, c.Name) {
			t.Errorf("there is no cell of the calibration %s", c.Name)
		}
	}
}
