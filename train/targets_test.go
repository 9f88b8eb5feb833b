package train

import (
	"math"
	"testing"
)

// train.label_smoothing reaches the loss, of a teacher's student too.
func TestLabelSmoothing(t *testing.T) {
	m, s := openTraining(t, "train.label_smoothing=0.2")
	loss := s.runFirst(t, m)
	logits, labels, want := s.logits.Float32s(), s.y.Int32s(), 0.0
	for i, label := range labels {
		row := logits[i*10:][:10]
		sum, mean := 0.0, 0.0
		for _, v := range row {
			sum += math.Exp(float64(v))
			mean += float64(v) / 10
		}
		want += (math.Log(sum) - 0.8*float64(row[label]) - 0.2*mean) / float64(len(labels))
	}
	if math.Abs(loss-want) > 1e-6*want {
		t.Errorf("loss %v, want %v of the logits", loss, want)
	}
	taught := func(overrides ...string) float64 {
		m, s := openTraining(t, append(overrides, "quant.distillation.teacher=embedded:resnet20_cifar10")...)
		return s.runFirst(t, m)
	}
	hard, soft := taught(), taught("train.label_smoothing=0.2")
	m, s = openTraining(t)
	if unsmoothed := s.runFirst(t, m); math.Abs(soft-hard-0.5*(loss-unsmoothed)) > 1e-5 {
		t.Errorf("with a teacher of half the weight the loss is %v, without smoothing %v; want half of %v more", soft, hard, loss-unsmoothed)
	}
}
