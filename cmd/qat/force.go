package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/train"
)

// addForce adds --force to a command that reads files with a digest.
func addForce(c *cobra.Command, force *bool) {
	c.Flags().BoolVar(force, "force", false, "read a file all the same whose digest says that it is damaged")
}

// reading says how a command reads such files. What there is to know of one goes to stderr.
func reading(force bool, stderr io.Writer) train.Reading {
	return train.Reading{Force: force, Note: func(format string, args ...any) { _ = say(stderr, "qat: "+format, args...) }}
}
