package estimators

import (
	"errors"
	"fmt"
	"math"
)

// Distillation is the loss of a student that learns from a teacher's logits, Hinton et al. 2015,
// https://arxiv.org/abs/1503.02531, section 2:
//
//	loss = Alpha * T^2 * sum of p*log(p/q) + (1-Alpha) * -(sum of target*log softmax(student)),  mean over the rows
//	p = softmax(teacher/T),  q = softmax(student/T)
//
//	dstudent = 1/rows * (Alpha * T * (q - p) + (1-Alpha) * (softmax(student) - target))
//
// where the target is the label's class alone unless [Targets] say otherwise.
// Logits are (rows, classes). T^2 keeps the gradient of the same size when T grows. The teacher gets no gradient. The
// logarithms of the softmax are taken at once, so large logits do not overflow. Logits that are NaN or infinite are an
// error.
type Distillation struct {
	Temperature float64 // T, positive
	Alpha       float64 // share of the teacher, 0 to 1
}

// Loss returns the loss and writes its gradient to dstudent, which has the length of student and may be student itself.
// With Alpha = 1 there need be no labels.
func (d Distillation) Loss(
	dstudent, student, teacher []float32, targets Targets, classes int,
) (loss float64, err error) {
	if err := d.check(dstudent, student, teacher, targets, classes); err != nil {
		return 0, prefixed("distillation", err)
	}
	rows := len(student) / classes
	logP, logQ, logS := make([]float64, classes), make([]float64, classes), make([]float64, classes)
	for row := range rows {
		from := row * classes
		s, t, ds := student[from:from+classes], teacher[from:from+classes], dstudent[from:from+classes]
		logSoftmax(logP, t, d.Temperature)
		logSoftmax(logQ, s, d.Temperature)
		logSoftmax(logS, s, 1)
		if targets.Labels != nil {
			loss -= float64((1 - d.Alpha) * Expect(targets, row, logS))
		}
		divergence := 0.0
		for c := range classes {
			p, q, hard := math.Exp(logP[c]), math.Exp(logQ[c]), math.Exp(logS[c])
			if p > 0 {
				divergence += float64(p * (logP[c] - logQ[c]))
			}
			if targets.Labels != nil {
				hard -= targets.Of(row, c, classes)
			}
			g := float64(d.Alpha*d.Temperature*(q-p)) + float64((1-d.Alpha)*hard)
			ds[c] = float32(g / float64(rows))
		}
		loss += float64(d.Alpha * d.Temperature * d.Temperature * divergence)
	}
	return loss / float64(rows), nil
}

func (d Distillation) check(dstudent, student, teacher []float32, targets Targets, classes int) error {
	switch {
	case !(d.Temperature > 0 && d.Temperature <= math.MaxFloat32):
		return fmt.Errorf("temperature %v; expected a positive number", d.Temperature)
	case !(d.Alpha >= 0 && d.Alpha <= 1):
		return fmt.Errorf("alpha is %v; expected 0 to 1", d.Alpha)
	case classes < 1 || len(student) == 0 || len(student)%classes != 0:
		return fmt.Errorf("%d logits of the student; expected rows of %d classes", len(student), classes)
	case len(teacher) != len(student) || len(dstudent) != len(student):
		return fmt.Errorf("%d logits of the teacher and %d gradients; expected %d, as many as the student has",
			len(teacher), len(dstudent), len(student))
	case targets.Labels == nil && d.Alpha < 1:
		return fmt.Errorf("no labels, with alpha %v; expected labels, or alpha 1", d.Alpha)
	}
	if targets.Labels != nil {
		if err := targets.Check(len(student)/classes, classes); err != nil {
			return err
		}
	}
	return errors.Join(checkStatistics(student), checkStatistics(teacher))
}

// logSoftmax writes the logarithms of softmax(logits/temperature).
func logSoftmax(out []float64, logits []float32, temperature float64) {
	largest := math.Inf(-1)
	for c, l := range logits {
		out[c] = float64(l) / temperature
		largest = max(largest, out[c])
	}
	sum := 0.0
	for _, l := range out {
		sum += math.Exp(l - largest)
	}
	shift := largest + math.Log(sum)
	for c := range out {
		out[c] -= shift
	}
}
