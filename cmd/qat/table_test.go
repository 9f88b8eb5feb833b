package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/train"
)

// Names that would end a line, clear the screen, set its title, or turn text around.
var hostile = []string{"a\x1b[2Jb", "a\nqat: error: b", "a\r", "a\tb", "a\x9bb", "a\u009b31mb", "a\u202eb", "a\u2066b", "a\u2028b", "a\x00b", "a\x7fb", "a\U000e0041b", "\ufeffa"}

// obeyed tells what a terminal would obey or hide in a text of one line.
func obeyed(s string) string {
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r >= 0xe0000 && r <= 0xe0fff {
			return fmt.Sprintf("%U", r)
		}
	}
	return ""
}

func TestNothingHostileIsPrinted(t *testing.T) {
	for _, name := range hostile {
		var out bytes.Buffer
		list, wide := newTable(&out), newTable(&out, "LAYER", "BITS")
		list.row(name, 1)
		wide.row(name, 1)
		p := &progress{w: &out}
		p.Message("not used: %s", name)
		printError(&out, fmt.Errorf("no tensor %s", name))
		printError(&out, configs.ErrorList{{Pos: configs.Pos{File: name}, Message: name}})
		printError(&out, errors.Join(errors.New(name), errors.New(name)))
		if err := errors.Join(list.flush(), wide.flush(), printJSON(&out, map[string]string{name: name})); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 9 {
			t.Errorf("%q: %d lines, want 9:\n%s", name, len(lines), &out)
		}
		for _, line := range lines {
			if what := obeyed(line); what != "" {
				t.Errorf("%q: %s is printed in %q", name, what, line)
			}
		}
		if !utf8.ValidString(name) {
			continue
		}
		var back map[string]string
		if err := json.Unmarshal([]byte(lines[8]), &back); err != nil || back[name] != name {
			t.Errorf("%q: JSON reads back as %q, %v", name, back, err)
		}
	}
	const plain = `C:\runs\größe 猫 w4a4`
	if got := printable(plain); got != plain {
		t.Errorf("%q is printed as %q", plain, got)
	}
}

// An export's names of classes and layers come from whoever made it, file names and keys too.
func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	net.Name = hostile[0]
	for i := range net.Tensors {
		net.Tensors[i].Name = strings.ToValidUTF8(hostile[i%len(hostile)], "?")
	}
	net.Classes = nil
	for i := range 10 {
		net.Classes = append(net.Classes, fmt.Sprint(i)+strings.ToValidUTF8(hostile[i], "?"))
	}
	model := filepath.Join(dir, "model.safetensors")
	if err := export.Write(model, configs.Safetensors, net, export.Options{}); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "a\x1b[2J.yaml")
	if err := os.WriteFile(config, []byte("\"tr\\e[2Jain\": {\"\\u202e\": 1}\nname: \"\\e]0;x\\a\"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"inspect", model}, {"inspect", model, "--json"}, {"eval", model, "--dataset", "cifar10-mini", "--limit", "1"},
		{"infer", model, filepath.Join(dir, "\x1b[2J.png")}, {"config", "check", config}, {"config", "print", config},
		{"config", "check", "quickstart", "train.\x1b=1"}, {"train", "quickstart", "--\x1b[2J"}, {"\x1b[2J"}, {"eval", "\x1b[2J"},
	} {
		var stdout, stderr bytes.Buffer
		Main(args, nil, &stdout, &stderr)
		for line := range strings.SplitSeq(stdout.String()+stderr.String(), "\n") {
			if what := obeyed(line); what != "" {
				t.Errorf("%q: %s is printed in %q", args, what, line)
			}
		}
	}
}

func TestTableFits(t *testing.T) {
	rows := func(w *bytes.Buffer, width int) []string {
		t.Setenv("COLUMNS", fmt.Sprint(width))
		x := newTable(w, "LAYER", "KIND", "SIZE").dropping("KIND", "SIZE")
		x.row("layer1.0.conv1", "conv 3x3/1", "2.3 KiB")
		x.row("total", "", "2.3 KiB")
		if err := x.flush(); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(w.String(), "\n"), "\n")
	}
	for _, tt := range []struct {
		width int
		want  []string
	}{
		{80, []string{"LAYER           KIND        SIZE", "layer1.0.conv1  conv 3x3/1  2.3 KiB", "total                       2.3 KiB"}},
		{35, []string{"LAYER           KIND        SIZE", "layer1.0.conv1  conv 3x3/1  2.3 KiB", "total                       2.3 KiB"}},
		{34, []string{"LAYER           SIZE", "layer1.0.conv1  2.3 KiB", "total           2.3 KiB", "(no room for KIND; --json has all)"}},
		{22, []string{"LAYER", "layer1.0.conv1", "total", "(no room for KIND, SIZE; --json has all)"}},
	} {
		if got := rows(&bytes.Buffer{}, tt.width); strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%d columns:\n%s", tt.width, strings.Join(got, "\n"))
		}
	}
	// What leaves last may leave room for what left before.
	t.Setenv("COLUMNS", "20")
	var out bytes.Buffer
	x := newTable(&out, "LAYER", "SIZE", "ACTIVATIONS").dropping("SIZE", "ACTIVATIONS")
	x.row("conv1", "560 B", "8-bit unsigned affine")
	if err := x.flush(); err != nil || out.String() != "LAYER  SIZE\nconv1  560 B\n(no room for ACTIVATIONS; --json has all)\n" {
		t.Errorf("%v:\n%s", err, &out)
	}
	// A list breaks long values at spaces.
	out.Reset()
	x = newTable(&out)
	x.row("dataset", "50 test images")
	x.row("verified", "not in onnxruntime")
	x.row("run", "runs/of_a_long_name")
	x.row("exported", "single 80 %")
	if err := x.flush(); err != nil || out.String() != "dataset   50 test\n          images\nverified  not in\n          onnxruntime\nrun       runs/of_a_long_name\nexported  single\n          80 %\n" {
		t.Errorf("%v:\n%s", err, &out)
	}
	for s, want := range map[string]string{"layer1.0.conv1": "laye…onv1", "a net of 4 bits": "a net of…", "short": "short"} {
		if got := shortened(s, 9); got != want {
			t.Errorf("%q is shortened to %q, want %q", s, got, want)
		}
	}
}

// What is longest of it fits 80 columns, too.
func TestDescriptionsFit(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	d, err := datasets.Info("cifar10-mini", datasets.Options{Dir: ""})
	if err != nil {
		t.Fatal(err)
	}
	bench := &train.BenchResult{Experiment: train.Experiment{Config: "resnet20_affine_w8a8_ptq"}, Batch: 1000, CPU: strings.Repeat("Xeon ", 12), KernelPath: "generic", Threads: 128,
		Roofline: &train.Roofline{Train: 123456, GFLOPS: 123456, GOPS: 1234567, GBs: 1234.5}}
	long := strings.Repeat("of every layer ", 8)
	references := []configs.Reference{{Preset: "lsq@paper", Source: long, Notes: []string{long}}}
	var out bytes.Buffer
	if err := errors.Join(printDataset(&out, d), printBench(&out, bench), printReferences(&out, references)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if utf8.RuneCountInString(line) > 81 {
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}
