package layers

import (
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/networkstest"
	"github.com/qat-go/qat/threads"
)

// A probe stops once in front of each layer, in an order of execution; what follows is computed from changed weights, or from a
// changed input, as often as one likes, and the run goes on as if it had not stopped.
func TestProbe(t *testing.T) {
	pool := threads.New(2)
	defer pool.Close()
	cfg := must(configs.Load("quickstart", nil))
	for name, net := range map[string]*networks.Network{
		"resnet20": must(networks.Build("resnet20", networks.Options{Input: networks.Shape{H: 8, W: 8, C: 3}, Classes: 4})),
		"joined":   networkstest.Joined(networks.Shape{H: 16, W: 16, C: 3}, 4),
		"plain":    networkstest.Plain(networks.Shape{H: 16, W: 16, C: 3}, 4),
		"leaky":    networkstest.Leaky(networks.Shape{H: 16, W: 16, C: 3}, 4),
	} {
		quantized := must(New(net, &cfg.Quant, testInput, 3))
		if _, err := NewProbe(pool, quantized, 4); err == nil || !strings.Contains(err.Error(), "want that of Float") {
			t.Errorf("%s with quantizers: %v", name, err)
		}
		n := must(quantized.Float())
		p := must(NewProbe(pool, n, 4))
		x := make([]float32, 3*net.Input.Len())
		for i := range x {
			x[i] = float32(i%17)/8 - 1
		}
		want := slices.Clone(must(p.Run(x, 3, nil)))
		if len(want) != 3*4 {
			t.Fatalf("%s: %d logits of 3 images, want 12", name, len(want))
		}
		var met []string
		got, err := p.Run(x, 3, func(layer string, in []float32) error {
			met = append(met, layer)
			in = slices.Clone(in)
			if same := must(p.Rest(nil)); !slices.Equal(same[:12], want) {
				t.Errorf("%s: the rest from %s gives %v, want %v", name, layer, same[:12], want)
			}
			// Twice the weights, and twice the input, are the same but for the bias, which is 0.
			w := n.Store.Array(layer + ".weight").Data()
			kept := slices.Clone(w)
			for i := range w {
				w[i] *= 2
			}
			weights := slices.Clone(must(p.Rest(nil)))
			copy(w, kept)
			input := slices.Clone(must(p.Rest(func(image []float32) error {
				if !slices.Equal(image, make([]float32, len(image))) && !containsImage(in, image) {
					t.Errorf("%s: %s reads another image in the rest of the run", name, layer)
				}
				for i := range image {
					image[i] *= 2
				}
				return nil
			})))
			if !slices.Equal(weights[:12], input[:12]) || slices.Equal(weights[:12], want) {
				t.Errorf("%s: twice the weights of %s give %v, and twice its input %v", name, layer, weights[:12], input[:12])
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: with stops %v (%v), without %v", name, got, err, want)
		}
		slices.Sort(met)
		names := n.LayerNames()
		slices.Sort(names)
		if !slices.Equal(met, names) {
			t.Errorf("%s: stopped in front of %v, want each of %v once", name, met, names)
		}
		if _, err := p.Rest(nil); err == nil {
			t.Errorf("%s: there is a rest of a run that has ended", name)
		}
		if _, err := p.Run(x, 5, nil); err == nil {
			t.Errorf("%s: 5 images fit where 4 do", name)
		}
	}
}

func containsImage(all, image []float32) bool {
	for part := range slices.Chunk(all, len(image)) {
		if slices.Equal(part, image) {
			return true
		}
	}
	return false
}
