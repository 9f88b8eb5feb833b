package networks

import "fmt"

// Dropout is x in evaluation; in training each element is 0 with probability Rate, else x/(1 - Rate) (Srivastava et al.
// 2014, https://jmlr.org/papers/v15/srivastava14a.html).
type Dropout struct {
	same
	Rate float64
}

// Kind implements [Op].
func (Dropout) Kind() Kind { return "dropout" }

// Shape implements [Op].
func (d Dropout) Shape(in []Shape) (Shape, error) {
	if !(d.Rate >= 0 && d.Rate < 1) {
		return Shape{}, fmt.Errorf("rate is %g; expected 0 or more and less than 1", d.Rate)
	}
	return first(in), nil
}

// NonNegative implements [Op].
func (Dropout) NonNegative(in []bool) bool { return all(in) }
