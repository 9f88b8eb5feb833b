package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// errMissed says that a check missed its target.
var errMissed = errors.New("missed the target")

// expectation is the accuracy that --expect asks for.
type expectation struct{ top1 float64 }

func (e *expectation) addFlag(c *cobra.Command) {
	c.Flags().Float64Var(&e.top1, "expect", 0, "fail with status 3 if the test accuracy, a `SHARE` of 1, is lower")
}

func (e *expectation) check(c *cobra.Command) error {
	if !(e.top1 >= 0 && e.top1 <= 1) {
		return usagef(c, "--expect is a share from 0 to 1, such as 0.91; found %g", e.top1)
	}
	return nil
}

func (e *expectation) met(top1 float64) error {
	if !(top1 >= e.top1) { // NaN meets nothing
		return fmt.Errorf("%w: test accuracy %.4f, expected %.4f or more", errMissed, top1, e.top1)
	}
	return nil
}
