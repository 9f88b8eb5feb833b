package estimators

import "fmt"

// Targets are what rows of logits are trained towards, a distribution over the classes for each:
//
//	q = (1 - Smoothing) * (Share*onehot(Labels) + (1-Share)*onehot(Others)) + Smoothing/classes
//
// that is, onehot(Labels) without others and smoothing. Smoothing is that of Szegedy et al. 2016,
// https://arxiv.org/abs/1512.00567, section 7, as PyTorch's CrossEntropyLoss defines label_smoothing; others are those of
// mixup, Zhang et al. 2018, https://arxiv.org/abs/1710.09412.
type Targets struct {
	Labels    []int32 // the class of each row
	Others    []int32 // another one; nil: none
	Share     float64 // of Labels, beside Others; 0 to 1
	Smoothing float64 // 0 to 1; 0 is none
}

// Check reports targets that so many rows of logits cannot have.
func (t Targets) Check(rows, classes int) error {
	switch {
	case !(t.Smoothing >= 0 && t.Smoothing <= 1):
		return fmt.Errorf("smoothing is %v; expected 0 to 1", t.Smoothing)
	case t.Others != nil && !(t.Share >= 0 && t.Share <= 1):
		return fmt.Errorf("share is %v; expected 0 to 1", t.Share)
	}
	if err := checkLabels("labels", t.Labels, rows, classes); err != nil || t.Others == nil {
		return err
	}
	return checkLabels("other labels", t.Others, rows, classes)
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

// Of is q of a class in a row.
func (t Targets) Of(row, class, classes int) float64 {
	hit := 0.0
	own := row < len(t.Labels) && class == int(t.Labels[row])
	switch {
	case t.Others == nil && own:
		hit = 1
	case t.Others != nil:
		if own {
			hit = t.Share
		}
		if row < len(t.Others) && class == int(t.Others[row]) {
			hit += 1 - t.Share
		}
	}
	return float64((1-t.Smoothing)*hit) + t.Smoothing/float64(classes)
}

// Expect is the mean of the values that the classes have, by q of the row; 0 where there is no such row or class.
func Expect[F float32 | float64](t Targets, row int, values []F) float64 {
	if row >= len(t.Labels) || int(t.Labels[row]) >= len(values) {
		return 0
	}
	mean := float64(values[t.Labels[row]])
	if t.Others != nil {
		if row >= len(t.Others) || int(t.Others[row]) >= len(values) {
			return 0
		}
		mean = float64(t.Share*mean) + float64((1-t.Share)*float64(values[t.Others[row]]))
	}
	if t.Smoothing == 0 {
		return mean
	}
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return float64((1-t.Smoothing)*mean) + float64(t.Smoothing*sum/float64(len(values)))
}
