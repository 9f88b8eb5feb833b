package estimators_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func softmax(logits []float64, temperature float64) []float64 {
	out, sum := make([]float64, len(logits)), 0.0
	for i, l := range logits {
		out[i] = math.Exp(l / temperature)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// distillationLoss is Hinton et al. 2015, section 2, word by word.
func distillationLoss(s, t []float64, labels []int32, classes int, temperature, alpha float64) (loss float64) {
	rows := len(s) / classes
	for row := range rows {
		from, to := row*classes, (row+1)*classes
		p, q := softmax(t[from:to], temperature), softmax(s[from:to], temperature)
		for c := range p {
			loss += alpha * temperature * temperature * p[c] * math.Log(p[c]/q[c])
		}
		if alpha < 1 {
			loss -= (1 - alpha) * math.Log(softmax(s[from:to], 1)[labels[row]])
		}
	}
	return loss / float64(rows)
}

func TestDistillation(t *testing.T) {
	const rows, classes = 3, 4
	student, teacher := normals(rows*classes, 31, 0, 2), normals(rows*classes, 37, 1, 2)
	labels := []int32{0, 3, 1}
	widen := func(x []float32) []float64 {
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = float64(v)
		}
		return out
	}
	for _, d := range []estimators.Distillation{
		{Temperature: 4, Alpha: 0.7}, {Temperature: 1, Alpha: 1}, {Temperature: 2, Alpha: 0},
	} {
		ds := make([]float32, len(student))
		got, err := d.Loss(ds, student, teacher, estimators.Targets{Labels: labels}, classes)
		if err != nil {
			t.Fatal(err)
		}
		s, te := widen(student), widen(teacher)
		loss := func() float64 { return distillationLoss(s, te, labels, classes, d.Temperature, d.Alpha) }
		if want := loss(); math.Abs(got-want) > 1e-9 {
			t.Errorf("%+v: the loss is %v, want %v", d, got, want)
		}
		for i := range s {
			const h = 1e-5
			x := s[i]
			s[i] = x + h
			up := loss()
			s[i] = x - h
			want := (up - loss()) / (2 * h)
			s[i] = x
			if math.Abs(float64(ds[i])-want) > 1e-6 {
				t.Errorf("%+v: gradient %d is %v, want %v", d, i, ds[i], want)
			}
		}
		inPlace := slices.Clone(student)
		if again, err := d.Loss(inPlace, inPlace, teacher, estimators.Targets{Labels: labels}, classes); err != nil || again != got ||
			!slices.Equal(inPlace, ds) {
			t.Errorf("%+v: in place: %v, %v", d, again, err)
		}
	}
	// Equal logits have no divergence, and large ones do not overflow.
	big, ds := []float32{1e4, -1e4, 0}, make([]float32, 3)
	d := estimators.Distillation{Temperature: 1, Alpha: 1}
	if loss, err := d.Loss(ds, big, big, estimators.Targets{}, 3); err != nil ||
		loss != 0 || !slices.Equal(ds, []float32{0, 0, 0}) {
		t.Errorf("equal logits: %v, %v, %v", loss, ds, err)
	}
	loss, err := d.Loss(ds, []float32{-1e4, 1e4, 0}, big, estimators.Targets{}, 3)
	if err != nil || math.Abs(loss-2e4) > 1e-6 || !slices.Equal(ds, []float32{-1, 1, 0}) {
		t.Errorf("opposite logits: %v, %v, %v", loss, ds, err)
	}
}

func TestDistillationErrors(t *testing.T) {
	good := estimators.Distillation{Temperature: 4, Alpha: 0.5}
	logits, ds, labels := []float32{1, 2, 3, 4}, make([]float32, 4), []int32{0, 1}
	loss := func(d estimators.Distillation, ds, s, te []float32, labels []int32, classes int) error {
		_, err := d.Loss(ds, s, te, estimators.Targets{Labels: labels}, classes)
		return err
	}
	for name, err := range map[string]error{
		"temperature":    loss(estimators.Distillation{Alpha: 0.5}, ds, logits, logits, labels, 2),
		"alpha":          loss(estimators.Distillation{Temperature: 1, Alpha: 1.5}, ds, logits, logits, labels, 2),
		"classes":        loss(good, ds, logits, logits, labels, 3),
		"no classes":     loss(good, ds, logits, logits, labels, 0),
		"no rows":        loss(good, nil, nil, nil, nil, 2),
		"teacher":        loss(good, ds, logits, logits[:2], labels, 2),
		"gradient":       loss(good, ds[:2], logits, logits, labels, 2),
		"no labels":      loss(good, ds, logits, logits, nil, 2),
		"one label":      loss(good, ds, logits, logits, labels[:1], 2),
		"label 2 of 2":   loss(good, ds, logits, logits, []int32{0, 2}, 2),
		"negative label": loss(good, ds, logits, logits, []int32{0, -1}, 2),
		"NaN":            loss(good, ds, []float32{1, 2, 3, float32(math.NaN())}, logits, labels, 2),
		"infinite":       loss(good, ds, logits, []float32{1, 2, 3, float32(math.Inf(1))}, labels, 2),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
