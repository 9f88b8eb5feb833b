package estimators

import "fmt"

// value is what the config says about the option, or its default.
func (o Option) value(given Options) (float64, error) {
	v, ok := given[o.Name]
	if !ok {
		v = o.Default
	}
	return v, o.check(v)
}

// check reports a value that the option does not allow; NaN is none that it does.
func (o Option) check(v float64) error {
	if !(o.Min <= v && v <= o.Max) {
		return fmt.Errorf("%s is %v; expected %v to %v", o.Name, v, o.Min, o.Max)
	}
	return nil
}
