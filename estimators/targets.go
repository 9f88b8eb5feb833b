package estimators

import "fmt"

// Targets are what rows of logits are trained towards, a distribution over the classes for each:
//
//	q = (1 - Smoothing) * onehot(Labels) + Smoothing/classes
//
// (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7, as PyTorch's CrossEntropyLoss defines
// label_smoothing).
type Targets struct {
	Labels    []int32 // the class of each row
	Smoothing float64 // 0 to 1; 0 is none
}

// Check reports targets that so many rows of logits cannot have.
func (t Targets) Check(rows, classes int) error {
	if !(t.Smoothing >= 0 && t.Smoothing <= 1) {
		return fmt.Errorf("smoothing is %v; expected 0 to 1", t.Smoothing)
	}
	return checkLabels("labels", t.Labels, rows, classes)
}

func checkLabels(name string, labels []int32, rows, classes int) error {
	if len(labels) != rows {
		return fmt.Errorf("%d %s; expected %d, one for each row", len(labels), name, rows)
	}
	for row, label := range labels {
		if label < 0 || int(label) >= classes {
			return fmt.Errorf("%s: image %d has label %d; expected 0 to %d", name, row, label, classes-1)
		}
	}
	return nil
}

// Share is q of a class in a row.
func (t Targets) Share(row, class, classes int) float64 {
	q := t.Smoothing / float64(classes)
	if row < len(t.Labels) && class == int(t.Labels[row]) {
		q += 1 - t.Smoothing
	}
	return q
}

// Expect is the mean of the values that the classes have, by q of the row; 0 where there is no such row or class.
func Expect[F float32 | float64](t Targets, row int, values []F) float64 {
	if row >= len(t.Labels) || int(t.Labels[row]) >= len(values) {
		return 0
	}
	mean := float64(values[t.Labels[row]])
	if t.Smoothing == 0 {
		return mean
	}
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return float64((1-t.Smoothing)*mean) + float64(t.Smoothing*sum/float64(len(values)))
}
