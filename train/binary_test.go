package train

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
)

func binaryConfig(t *testing.T, name string, overrides ...string) *configs.Config {
	t.Helper()
	cfg, err := configs.Load(name, append([]string{
		"data.dataset=cifar10-mini", "train.batch=8", "train.max_steps=4", "train.checkpoint_every=2it", "train.log_every=1"}, overrides...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// RPReLU, thresholds, the schedule of EDE, random rounding and the basis of LQ-Nets
// go on from a checkpoint with the bits of an uninterrupted run, on any number of
// threads.
func TestMethodsResume(t *testing.T) {
	for _, name := range []string{"resnet20_reactnet", "resnet20_irnet_w1a1", "resnet20_stochastic_w4a4", "resnet20_lq_nets_w2a2"} {
		whole, parts := t.TempDir(), t.TempDir()
		if err := trainOnly(context.Background(), binaryConfig(t, name), Options{Out: whole, Threads: 2, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		cancelled, cancel := context.WithCancel(context.Background())
		err := trainOnly(cancelled, binaryConfig(t, name), Options{Out: parts, Threads: 3, Progress: &quiet{after: func(step int) {
			if step == 2 {
				cancel()
			}
		}}})
		if !errors.Is(err, ErrInterrupted) {
			t.Fatalf("error %v, want ErrInterrupted", err)
		}
		if err := trainOnly(context.Background(), binaryConfig(t, name), Options{Out: parts, Resume: true, Threads: 1, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tensors(t, parts), tensors(t, whole)) {
			t.Errorf("%s: the checkpoint differs from that of an uninterrupted run", name)
		}
		c, err := OpenCheckpoint(whole, Reading{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.LoadNetwork()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Net.Store.Of(layers.Learned) {
			start := float32(0)
			switch {
			case strings.HasSuffix(p.Name, ".beta"):
				start = 0.25
			case !strings.HasSuffix(p.Name, ".gamma") && !strings.HasSuffix(p.Name, ".zeta") && !strings.HasSuffix(p.Name, ".threshold"):
				continue
			}
			if !slices.ContainsFunc(p.Data(), func(v float32) bool { return v != start }) {
				t.Errorf("%s: %s has not moved from %v", name, p.Name, start)
			}
		}
		m.Close()
	}
}

// A file of a network with ReLUs leaves RPReLU as it starts; a checkpoint of the
// same network, as in ReActNet's two steps, brings it along. Thresholds, which
// belong to quantizers, start anew.
func TestInitOfReActNet(t *testing.T) {
	m, err := Open(binaryConfig(t, "resnet20_reactnet", "model.init=embedded:resnet20_cifar10"), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	named := func(name string) []float32 {
		i := slices.IndexFunc(m.Net.Store.Of(layers.Learned), func(p *layers.Array) bool { return p.Name == name })
		return m.Net.Store.Of(layers.Learned)[i].Data()
	}
	const act, threshold = "layer1.0.rprelu1.beta", "layer1.0.conv1.input_quantizer.threshold"
	line, err := m.initial()
	if err != nil || !strings.Contains(line, "it has no RPReLU, whose 54 tensors start anew") || named(act)[0] != 0.25 {
		t.Fatalf("%q, error %v, %s is %v", line, err, act, named(act)[0])
	}
	named(act)[0], named(threshold)[0] = 0.5, 0.125
	saved := filepath.Join(t.TempDir(), "step1.qat")
	if err := m.save(saved, false, state{}, origin{}); err != nil {
		t.Fatal(err)
	}
	named(act)[0], named(threshold)[0] = 0.25, 0
	m.Config.Model.Init = saved
	if line, err := m.initial(); err != nil || strings.Contains(line, "RPReLU") || named(act)[0] != 0.5 || named(threshold)[0] != 0 {
		t.Errorf("%q, error %v, %s is %v, %s is %v", line, err, act, named(act)[0], threshold, named(threshold)[0])
	}
}
