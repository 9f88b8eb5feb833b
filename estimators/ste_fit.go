package estimators

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// checkSTE reports an STE that is none of those that a method combines with; nil is the method's own choice.
func checkSTE(ste STE, fit ...string) error {
	if ste == nil || slices.ContainsFunc(fit, func(name string) bool { return isSTE(ste, name) }) {
		return nil
	}
	return fmt.Errorf("the gradient estimator %T does not fit; expected one of %s", ste, strings.Join(fit, ", "))
}

// isSTE tells whether the STE is of the kind of that name.
func isSTE(ste STE, name string) bool {
	kind, err := STENamed(name)
	if err != nil {
		return false
	}
	sample, err := kind.New(nil)
	return err == nil && reflect.TypeOf(sample) == reflect.TypeOf(ste)
}
