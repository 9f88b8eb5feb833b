package estimators

import (
	"fmt"
	"slices"
)

// Check reports what of the traits cannot be true of the estimator that New gave for a spec, by its type and by the names of
// its arrays. That it computes what they say is what package estimatortest tries.
func (t Traits) Check(s Spec, est Estimator) error {
	if est == nil {
		return fmt.Errorf("there is no estimator and no error of New; wanted one of both")
	}
	for _, c := range []struct {
		declared, is bool
		what, wanted string
	}{
		{t.Levels.IsInteger(), is[Integer](est), "levels that are a scale times integers", "an Integer"},
		{t.Levels == Table, is[Codebook](est), "levels of a table", "a Codebook"},
		{len(t.State) > 0, is[Stateful](est), "arrays of a state", "a Stateful"},
		{t.Starts, is[Startable](est), "that it starts from calibrated levels", "a Startable"},
		{t.Random || t.Noisy, is[Random](est), "random numbers", "a Random"},
		{t.Form == Stairs, is[Stepped](est), "the form Stairs", "a Stepped"},
		{t.Form == Plain, is[Scaled](est), "the form Plain", "a Scaled"},
		{t.Static, is[Stateful](est) && t.Form == Plain, "that calibration finds the levels", "a Stateful of the form Plain"},
		{t.Form == Plain, t.Levels == Even && len(t.Learned) <= 1, "the form Plain", "even levels, and at most one thing to learn"},
		{t.Form == Stairs, !s.Weights && s.Scales <= 1, "the form Stairs", "activations with one scale"},
	} {
		if c.declared && !c.is {
			return fmt.Errorf("it declares %s, which takes %s, and is a %T; see Traits", c.what, c.wanted, est)
		}
	}
	switch {
	case t.Levels < OtherLevels || t.Levels > Table || t.Zero < ZeroIsZero || t.Zero > ZeroLearned || t.Form < OwnFunctions || t.Form > Plain || t.Pass < PassClipped || t.Pass > PassRounded:
		return fmt.Errorf("it declares levels %d, zero %d, form %d, pass %d; wanted the constants of package estimators", t.Levels, t.Zero, t.Form, t.Pass)
	case is[Integer](est) && !t.Levels.IsInteger():
		return fmt.Errorf("it is an Integer, and does not declare levels that are a scale times integers: Even, Rescaled, Signs or Integers; see Traits")
	}
	if i, ok := est.(Integer); ok && i.Qn() > i.Qp() {
		return fmt.Errorf("its codes are from Qn = %d to Qp = %d; wanted the lower one first", i.Qn(), i.Qp())
	}
	var state []Learned
	if st, ok := est.(Stateful); ok {
		state = st.State(1)
	}
	if err := sameNames("learns", est.Params(), t.Learned, 1); err != nil {
		return err
	}
	return sameNames("keeps the arrays", state, t.State, 0)
}

func is[T any](est Estimator) bool {
	_, ok := est.(T)
	return ok
}

// sameNames compares arrays of so many elements or more with the names that are declared.
func sameNames(what string, arrays []Learned, declared []string, least int) error {
	var names []string
	for _, a := range arrays {
		if a.Name == "" || slices.Contains(names, a.Name) || a.Len < least {
			return fmt.Errorf("it %s %q of %d elements; wanted names of their own, and %d or more", what, a.Name, a.Len, least)
		}
		names = append(names, a.Name)
	}
	if !slices.Equal(names, declared) {
		return fmt.Errorf("it %s %q, and declares %q", what, names, declared)
	}
	return nil
}
