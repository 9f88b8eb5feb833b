package estimators

import "fmt"

// optionValues returns a value for each of the options: the given one or the default. It is an error if a value is not
// allowed, or if none of the options has the name of a given one.
func optionValues(options []Option, given Options) (Options, error) {
	values := Options{}
	for _, o := range options {
		v, err := o.value(given)
		if err != nil {
			return nil, err
		}
		values[o.Name] = v
	}
	for name := range given {
		if _, known := values[name]; !known {
			return nil, fmt.Errorf("no option %q", name)
		}
	}
	return values, nil
}
