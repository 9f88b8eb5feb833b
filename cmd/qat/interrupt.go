package main

import (
	"github.com/spf13/cobra"

	"github.com/qat-go/qat/train"
)

// endAtOnce lets the first interrupt end every command below c within a second, whatever it is at; train sees to what
// it has to save by itself.
func endAtOnce(c *cobra.Command) {
	for _, sub := range c.Commands() {
		endAtOnce(sub)
	}
	run := c.RunE
	if run == nil || c.Name() == "train" {
		return
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		_, err := train.Await(c.Context(), func() (struct{}, error) { return struct{}{}, run(c, args) })
		return err
	}
}
