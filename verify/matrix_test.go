//go:build long && onnxruntime

package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/export/exporttest"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/onnxruntime"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
	"github.com/qat-go/qat/train"
)

var (
	matrixBatch  = flag.Int("batch", 0, "images in a step of TestMatrix; 0 is 128 for networks of CIFAR-10 and of keywords, and 8 for the others")
	matrixSteps  = flag.Int("steps", 20, "training steps of TestMatrix; a run is taken up again in the middle")
	matrixImages = flag.Int("images", 200, "test images of TestMatrix")
)

// entry is a network of the matrix.
type entry struct {
	name    string
	input   networks.Shape
	classes int
	batch   int
	large   networks.Shape // another input, tried with 4 bits; zero if there is none
	with    []string
}

// entries are the networks of the zoo, and forms of some that have operations of their own. Those of ImageNet see images of
// 64x64 pixels, AlexNet of the least that it takes, and once those of their papers.
func entries() (all []entry) {
	for _, a := range networks.Archs() {
		e := entry{name: a.Name, input: a.Input, classes: a.Classes, batch: 128, with: []string{"model.arch=" + a.Name}}
		if a.Classes == 1000 {
			e.input, e.large, e.batch = networks.Shape{H: 64, W: 64, C: 3}, a.Input, 8
		}
		if a.Name == "alexnet_bn" {
			e.input.H, e.input.W = 96, 96
		}
		all = append(all, e)
		other := func(name string, with ...string) {
			f := e
			f.name, f.large, f.with = name, networks.Shape{}, append([]string{e.with[0]}, with...)
			all = append(all, f)
		}
		switch a.Name {
		case "resnet8", "ds_cnn":
			other(a.Name+"_torch", "model.form=torch")
		case "resnet20":
			other("resnet20_B", "model.shortcut=B")
			other("resnet20_pool", "model.shortcut=pool")
		case "alexnet_bn":
			other("alexnet_bn_dorefa", "model.form=dorefa")
		case "mobilenet_v1":
			e.input, e.classes = networks.Shape{H: 96, W: 96, C: 3}, 2
			other("mobilenet_v1_0.25", "model.width=0.25", "model.form=mlperf_tiny")
		case "mobilenet_v2":
			other("mobilenet_v2_0.25", "model.width=0.25")
		}
	}
	return all
}

// matrixExport is the variable that gives a process of its own the export whose logits it prints.
const matrixExport = "QAT_TEST_MATRIX_EXPORT"

// Each network of the zoo trains 20 steps with finite losses, goes on to the same bits after an interruption, and has the
// logits of its integer network in onnxruntime, with every convolution on integers, in its C program and on each path of
// the kernels.
func TestMatrix(t *testing.T) {
	if file := os.Getenv(matrixExport); file != "" {
		t.Logf("path %s %s", kernels.Path(), logitsOfExport(t, file))
		return
	}
	t.Logf("path %s, onnxruntime on %s", kernels.Path(), onnxruntime.Processor())
	t.Log("| network | bits | input | batch | loss | resumed | simulation | onnxruntime | convolutions on integers | C program |")
	for _, e := range entries() {
		t.Run(e.name, func(t *testing.T) {
			for _, bits := range []int{8, 4, 2} {
				t.Run(fmt.Sprintf("W%dA%d", bits, bits), func(t *testing.T) { e.check(t, bits) })
			}
			if e.large != (networks.Shape{}) {
				t.Run("large", func(t *testing.T) {
					f := e
					f.input = e.large
					f.check(t, 4)
				})
			}
		})
	}
}

func (e entry) check(t *testing.T, bits int) {
	if *matrixBatch > 0 {
		e.batch = *matrixBatch
	}
	run := filepath.Join(t.TempDir(), "run")
	row := fmt.Sprintf("| %s | W%dA%d | %dx%dx%d | %d | %s |", e.name, bits, bits, e.input.H, e.input.W, e.input.C, e.batch, e.train(t, run, bits))
	m, net := opened(t, run)
	files := map[configs.Format]string{configs.ONNX: filepath.Join(run, "model.onnx"), configs.Safetensors: filepath.Join(run, "model.safetensors")}
	for format, file := range files {
		if err := export.Write(file, format, net, export.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sameNetwork(files[configs.Safetensors], net); err != nil {
		t.Error(err)
	}
	v := &verifier{m: m, net: net, options: Options{Split: m.Data.Test, Library: onnxruntime.Library()}, scale: net.Logits().Scale}
	if reason := v.open(); reason != "" {
		t.Fatal(reason)
	}
	defer v.runtime.Close()
	c := &Certificate{}
	if err := v.simulation(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if s := c.Simulation; s.DifferentLogits > 0 {
		t.Errorf("the simulation has %d other logits of %d", s.DifferentLogits, s.Logits)
	}
	r, err := v.run(t.Context(), configs.ONNX, files[configs.ONNX], true)
	if err != nil {
		t.Fatal(err)
	}
	if r.DifferentLogits > 0 || r.Logits == 0 {
		t.Errorf("onnxruntime has %d other logits of %d", r.DifferentLogits, r.Logits)
	}
	for _, l := range r.Layers {
		if l.Steps.Different() > 0 {
			t.Errorf("onnxruntime has other codes of %s: %v", l.Layer, l.Steps)
		}
	}
	if r.OnIntegers != r.Convolutions {
		t.Errorf("onnxruntime computes %d of %d convolutions with integers: %+v", r.OnIntegers, r.Convolutions, r.Kernels)
	}
	row += fmt.Sprintf(" %d of %d | %d of %d | %d of %d |",
		c.Simulation.DifferentLogits, c.Simulation.Logits, r.DifferentLogits, r.Logits, r.OnIntegers, r.Convolutions)
	program := "larger"
	if weights(net) <= export.MaxCWeights {
		different, all := programLogits(t, net)
		if program = fmt.Sprintf("%d of %d", different, all); different > 0 {
			t.Errorf("the C program has %d other logits of %d", different, all)
		}
	}
	t.Logf("%s %s | %s", row, program, onPaths(t, files[configs.Safetensors]))
}

// train trains a network twice: from the start, and from the checkpoint that the first had in the middle. It returns the
// mean loss and whether both end in the same bits.
func (e entry) train(t *testing.T, dir string, bits int) string {
	t.Helper()
	steps := *matrixSteps
	cfg, err := configs.Load("resnet20_w4a4", slices.Concat(e.with, []string{"model.init=random", "data.dataset=random",
		fmt.Sprintf("data.random={height: %d, width: %d, channels: %d, classes: %d, images: %d, test_images: %d}", e.input.H, e.input.W, e.input.C, e.classes, steps*e.batch, *matrixImages),
		fmt.Sprintf("quant.weights.bits=%d", bits), fmt.Sprintf("quant.activations.bits=%d", bits), fmt.Sprintf("train.batch=%d", e.batch),
		"train.epochs=1", fmt.Sprintf("train.checkpoint_every=%dit", steps/2)}))
	if err != nil {
		t.Fatal(err)
	}
	again := dir + "_again"
	run := func(o train.Options) (loss float64) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o.Progress = &stepped{after: func(s train.StepInfo) {
			loss = s.MeanLoss
			switch {
			case s.Step == steps:
				cancel() // before the evaluation
			case s.Step == steps/2+1 && !o.Resume: // the checkpoint is that of the step before
				if err := os.CopyFS(again, os.DirFS(dir)); err != nil {
					t.Error(err)
				}
				if err := os.Remove(filepath.Join(again, train.LockFile)); err != nil {
					t.Error(err)
				}
			}
		}}
		if _, err := train.Run(ctx, cfg, o); !errors.Is(err, train.ErrInterrupted) {
			t.Fatalf("error %v, want ErrInterrupted after %d steps", err, steps)
		}
		return loss
	}
	first, second := run(train.Options{Out: dir}), run(train.Options{Out: again, Resume: true})
	resumed := "yes"
	if a, b := tensors(t, dir), tensors(t, again); first != second || !reflect.DeepEqual(a, b) {
		resumed = "no"
		t.Errorf("a resumed run ends with other bits, and loss %v, not %v", second, first)
	}
	if err := os.RemoveAll(again); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%.3f | %s", first, resumed)
}

func tensors(t *testing.T, run string) []safetensors.Tensor {
	t.Helper()
	f, err := safetensors.ReadFile(filepath.Join(run, train.CheckpointFile))
	if err != nil {
		t.Fatal(err)
	}
	return f.Tensors
}

// opened is the model of a run, and its integer network. Twenty steps are few for running statistics, and with those of
// slow momentum all images look alike, which hides differences: batch norm gets those of some images.
func opened(t *testing.T, run string) (*train.Model, *integer.Network) {
	t.Helper()
	c, err := train.OpenCheckpoint(run, train.Reading{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Load("", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	pool := threads.New(0)
	defer pool.Close()
	in := m.Net.Shape()
	err = m.Batches(t.Context(), m.Data.Train.Head(min(16, m.EvalBatch())), func(x []float32, _ []int32, n int) error {
		batch := tensor.New(tensor.WithShape(n, in.H, in.W, in.C), tensor.WithBacking(slices.Clone(x[:n*in.Len()])))
		return m.Net.ReestimateBatchNorm(pool, slices.Values([]*tensor.Dense{batch}))
	})
	if err != nil {
		t.Fatal(err)
	}
	net, err := m.Lower()
	if err != nil {
		t.Fatal(err)
	}
	return m, net
}

// programLogits counts the logits of the C program that are not the dyadic network's, and all.
func programLogits(t *testing.T, net *integer.Network) (different, all int) {
	t.Helper()
	net, err := train.Retarget(net, configs.Dyadic)
	if err != nil {
		t.Fatal(err)
	}
	program := exporttest.Compile(t, net, append(slices.Clone(exporttest.C99), "-O3", "-march=native")...)
	rng := rand.New(rand.NewPCG(1, 2))
	for done := 0; done < *matrixImages; done += 40 {
		path, want := exporttest.Batch(t, rng, net, min(40, *matrixImages-done))
		wanted, got := strings.Fields(want), strings.Fields(exporttest.Run(t, program, "--cifar", path))
		if len(got) != len(wanted) {
			t.Fatalf("the C program prints %d numbers, want %d", len(got), len(wanted))
		}
		for i, w := range wanted {
			if i%(net.Logits().Out+2) < 2 { // the label and the prediction
				continue
			}
			if all++; got[i] != w {
				different++
			}
		}
	}
	return different, all
}

// weights counts those of an integer network.
func weights(net *integer.Network) (n int) {
	for _, r := range net.Describe() {
		n += r.Weights
	}
	return n
}

// onPaths wants the logits of an export with both targets on each path of the kernels. QAT_CPU is read when a process
// starts.
func onPaths(t *testing.T, file string) string {
	t.Helper()
	want := logitsOfExport(t, file)
	for _, path := range []string{"generic", "avx2"} {
		c := exec.Command(os.Args[0], "-test.run=^TestMatrix$", "-test.v")
		c.Env = append(os.Environ(), "QAT_CPU="+path, matrixExport+"="+file)
		out, err := c.CombinedOutput()
		switch {
		case bytes.Contains(out, []byte("this CPU or build has no")):
			t.Logf("QAT_CPU=%s: %s", path, out)
		case err != nil || !bytes.Contains(out, []byte("path "+path+" ")):
			t.Fatalf("QAT_CPU=%s: %v\n%s", path, err, out)
		case !bytes.Contains(out, []byte(want)):
			t.Errorf("QAT_CPU=%s gives other logits than %s:\n%s\nwant %s", path, kernels.Path(), out, want)
		}
	}
	return want
}

// logitsOfExport has a digest of the logits of some images with each target, and how many different ones there are.
func logitsOfExport(t *testing.T, file string) (line string) {
	t.Helper()
	if err := kernels.Check(); err != nil {
		t.Fatal(err)
	}
	net, err := export.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	const n = 4
	x := integertest.Pictures(rand.New(rand.NewPCG(1, 2)), net, n)
	pool := threads.New(0)
	defer pool.Close()
	for _, target := range []integer.Target{integer.Float32, integer.Dyadic} {
		net.Target = target
		r, err := integer.NewRunner(net, pool, n)
		if err == nil {
			_, err = r.Run(x, n)
		}
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if err := binary.Write(h, binary.LittleEndian, r.Integers(n)); err != nil {
			t.Fatal(err)
		}
		logits := r.Integers(n)
		slices.Sort(logits)
		line += fmt.Sprintf("%s: %x, %d different of %d logits; ", target, h.Sum(nil)[:8], len(slices.Compact(logits)), len(logits))
	}
	return line
}

// stepped hears of steps.
type stepped struct {
	silent
	after func(train.StepInfo)
}

func (s *stepped) Step(i train.StepInfo) { s.after(i) }
