package graph

import "fmt"

// NotFiniteError says that a number is NaN or infinite where the work cannot go on with it.
type NotFiniteError struct {
	What  string // the number, for instance "the loss"
	Value float64
}

// Error implements error.
func (e *NotFiniteError) Error() string { return fmt.Sprintf("%s is %g", e.What, e.Value) }

// FirstNotFinite returns the index of the first value that is NaN or infinite, or -1.
func FirstNotFinite(x []float32) int {
	for i, v := range x {
		if v-v != 0 {
			return i
		}
	}
	return -1
}
