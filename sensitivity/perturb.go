package sensitivity

import (
	"context"
	"fmt"
)

// Accuracy is the method of the table of accuracy that [Perturb] measures beside its own.
const Accuracy = "accuracy"

// perturb measures the loss and the top-1 accuracy with one tensor at few bits and all else in floating point: what they are
// worse than those of the float network, on the same images. Of each batch, what comes before a layer runs once.
func (t *meter) perturb(ctx context.Context, base *outcome) ([]Table, error) {
	names, widths := t.float.LayerNames(), t.opt.Widths
	loss, right := map[site]*differences{}, map[site]*differences{}
	for _, layer := range names {
		for _, bits := range widths {
			for _, name := range []string{weightsOf(layer), inputOf(layer)} {
				loss[site{name, bits}], right[site{name, bits}] = &differences{}, &differences{}
			}
		}
	}
	t.evaluations(Perturb, t.rests())
	done := 0
	_, err := t.batches(ctx, "perturbing", t.split, t.opt.Images, func(x []float32, labels []int32, n int) error {
		measure := func(at site, change func([]float32) error) error {
			logits, err := t.probe.Rest(change)
			if err != nil {
				return fmt.Errorf("%s at %d bits: %w", at.name, at.bits, err)
			}
			classes := len(t.Net.Input.Classes)
			for i, label := range labels {
				l, ok := crossEntropy(logits[i*classes:][:classes], int(label))
				loss[at].add(l - base.loss[done+i])
				right[at].add(one(base.right[done+i]) - one(ok))
			}
			return nil
		}
		_, err := t.probe.Run(x, n, func(layer string, _ []float32) error {
			w := t.float.Store.Array(weightsOf(layer)).Data()
			kept := append([]float32(nil), w...)
			defer copy(w, kept)
			for _, bits := range widths {
				at := site{weightsOf(layer), bits}
				copy(w, t.weights[at])
				if err := measure(at, nil); err != nil {
					return err
				}
			}
			copy(w, kept)
			for _, bits := range widths {
				at := site{inputOf(layer), bits}
				q := t.quantizers[at]
				if err := measure(at, func(image []float32) error { return q.Values(image, image) }); err != nil {
					return err
				}
			}
			return nil
		})
		done += n
		return err
	})
	if err != nil {
		return nil, err
	}
	return []Table{t.table(string(Perturb), func(at site) Loss { return loss[at].loss(at.bits) }),
		t.table(Accuracy, func(at site) Loss { return right[at].loss(at.bits) })}, nil
}

// differences adds up differences of images.
type differences struct {
	sum, squares float64
	n            int
}

func (d *differences) add(v float64) {
	d.sum += v
	d.squares += v * v
	d.n++
}

func (d *differences) loss(bits int) Loss {
	return Loss{Bits: bits, Value: d.sum / float64(max(d.n, 1)), StdErr: stdErr(d.sum, d.squares, d.n)}
}

func one(right bool) float64 {
	if right {
		return 1
	}
	return 0
}

// rests is how many evaluations of the network perturb takes for an image: what is left of it behind each layer, in products.
func (t *meter) rests() float64 {
	var total, before, sum float64
	rows := t.float.Table()
	for _, r := range rows {
		total += float64(r.MACs)
	}
	for _, r := range rows {
		sum += 1 - before/total
		before += float64(r.MACs)
	}
	return 1 + sum*2*float64(len(t.opt.Widths))
}

// table fills the table of a method.
func (t *meter) table(method string, loss func(site) Loss) Table {
	table := Table{Method: method}
	for _, layer := range t.float.LayerNames() {
		l := Layer{Name: layer}
		for _, bits := range t.opt.Widths {
			l.Weights = append(l.Weights, loss(site{weightsOf(layer), bits}))
			l.Activations = append(l.Activations, loss(site{inputOf(layer), bits}))
		}
		table.Layers = append(table.Layers, l)
	}
	return table
}
