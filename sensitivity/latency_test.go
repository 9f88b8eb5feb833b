package sensitivity

import (
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/train"
)

// The times of a layer, and of what makes the codes that it reads, are its group's; all others are there at any width. Together
// they are the network's.
func TestLatencyOfGroups(t *testing.T) {
	cfg, err := configs.Load("quickstart", []string{"model.shortcut=B"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := train.Describe(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := NewSpace(cfg, m, []int{2, 8}, false)
	if err != nil {
		t.Fatal(err)
	}
	net, err := s.sketch(t.Context(), Latency, nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	b, err := s.latencyBy(func(w Width) (map[string]int64, error) {
		asked++
		times := map[string]int64{}
		for i, l := range net.Layers {
			if times[l.LayerName()] = int64(1000 + i); s.chosen(l.LayerName()) {
				times[l.LayerName()] *= int64(w.Weights)
			}
		}
		return times, nil
	})
	if err != nil || asked != 2 {
		t.Fatalf("times are measured %d times (%v); want once for each width", asked, err)
	}
	for choice, bits := range []int64{2, 8} {
		want := int64(0)
		for i, l := range net.Layers {
			if time := int64(1000 + i); s.chosen(l.LayerName()) {
				want += bits * time
			} else {
				want += time
			}
		}
		if got := b.sum(func([]int64) int { return choice }); got != want || b.fixed < 2000 {
			t.Errorf("at %d bits: %d, of which %d are fixed; want %d", bits, got, b.fixed, want)
		}
	}
	if s.chosen("conv1") || s.chosen("linear") || s.chosen("layer1.0.add") || !s.chosen("layer2.0.shortcut.0.input") || !s.chosen("layer3.0.conv2") {
		t.Error("the groups have layers that are none of theirs, or lack one")
	}
}
