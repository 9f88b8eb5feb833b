package layers

import (
	"errors"
	"slices"
	"strings"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/networks"
)

// Store holds the arrays of a network by name. It outlives the layers that read them: see [Over].
type Store struct {
	// Average has an average of each array that is [Array.Averaged]; nil without. Others are what they are in the store
	// after [Network.Follow].
	Average *Store

	arrays []*Array
	at     map[string]int
	from   *Store // while the network is made: whose arrays it goes on with
}

// errNoStore is that of a store that no function made.
var errNoStore = errors.New("there is no store; want one of NewStore")

// NewStore returns an empty store.
func NewStore() *Store { return &Store{at: map[string]int{}} }

// Array returns the array of that name, nil if there is none.
func (s *Store) Array(name string) *Array {
	if i, ok := s.at[name]; ok {
		return s.arrays[i]
	}
	return nil
}

// Of lists the arrays of a role.
func (s *Store) Of(r Role) []*Array {
	return slices.DeleteFunc(slices.Clone(s.arrays), func(a *Array) bool { return a.Role != r })
}

// All lists the arrays, learned ones first.
func (s *Store) All() []*Array { return append(s.Of(Learned), s.Of(Updated)...) }

// Learnable lists the arrays that the optimizer moves.
func (s *Store) Learnable() []*Array {
	return slices.DeleteFunc(s.Of(Learned), func(a *Array) bool { return !a.learns() })
}

// hold puts the arrays into the store. What the store it goes on from has for the same gives its elements, and what goes with
// them.
func (s *Store) hold(arrays ...*Array) {
	for _, a := range arrays {
		s.at[a.Name], s.arrays = len(s.arrays), append(s.arrays, a)
		if old := s.from.Array(a.Name); old != nil && old.of == a.of && old.Value.Shape().Eq(a.Value.Shape()) {
			a.Value, a.Kept, a.start = old.Value, old.Kept, networks.Zeros
		}
	}
}

// WithoutQuantizers is the store but for the arrays of quantizers, which then begin anew in [Over].
func (s *Store) WithoutQuantizers() *Store {
	left := NewStore()
	if s == nil {
		return left
	}
	for _, a := range s.arrays {
		if a.of == "" {
			left.at[a.Name], left.arrays = len(left.arrays), append(left.arrays, a)
		}
	}
	return left
}

// copyFrom takes the elements that the other store has of the arrays.
func (s *Store) copyFrom(other *Store, arrays []*Array) {
	for _, a := range arrays {
		copy(a.Data(), other.Array(a.Name).Data())
	}
}

// UpdateAverage takes the store into its average, if it has one; step is how many updates went before.
func (s *Store) UpdateAverage(ema estimators.WeightEMA, step int) error {
	if s == nil || s.Average == nil {
		return nil
	}
	for _, a := range s.Average.arrays {
		if !a.Averaged() {
			continue
		}
		if err := ema.Update(a.Data(), s.Array(a.Name).Data(), step); err != nil {
			return err
		}
	}
	return nil
}

// Tensor is what a file holds of an array, under a name: the array, or what goes with it.
type Tensor struct {
	Name  string
	Array *Array
	Data  []float32
}

// What stands ahead of an array's name for what goes with it.
const (
	VelocityPrefix = "velocity."   // SGD's
	MeanPrefix     = "exp_avg."    // Adam's, with PyTorch's names: the mean of the gradients,
	SquarePrefix   = "exp_avg_sq." // and that of their squares
	AveragePrefix  = "average."
)

// Prefix returns which of them a name begins with, or "".
func Prefix(name string) string {
	for _, p := range []string{VelocityPrefix, MeanPrefix, SquarePrefix, AveragePrefix} {
		if strings.HasPrefix(name, p) {
			return p
		}
	}
	return ""
}

// Tensors lists what files hold. In training that is all that a resumed run needs, else the network.
func (s *Store) Tensors(training bool) (all []Tensor) {
	for _, a := range s.All() {
		all = append(all, Tensor{a.Name, a, a.Data()})
		for _, k := range a.Kept {
			if training {
				all = append(all, Tensor{k.Prefix + a.Name, a, k.Data})
			}
		}
	}
	if !training || s.Average == nil {
		return all
	}
	for _, a := range s.Average.All() {
		if a.Role == Learned || a.Running {
			all = append(all, Tensor{AveragePrefix + a.Name, a, a.Data()})
		}
	}
	return all
}

// Check reports an element that no network has: each is finite, variances and scales are not negative, zero points within
// uint8.
func (s *Store) Check() error {
	if s == nil {
		return errNoStore
	}
	for _, a := range s.All() {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

// Running lists the means and variances that batch norm has in evaluation.
func (s *Store) Running() []*Array {
	return slices.DeleteFunc(s.Of(Updated), func(a *Array) bool { return !a.Running })
}
