package main

import (
	"github.com/spf13/cobra"

	"github.com/qat-go/qat/datasets"
)

func addLimit(c *cobra.Command, limit *int, what string) {
	c.Flags().IntVar(limit, "limit", 0, what+" the first `N` test images only; 0 takes all")
}

func checkLimit(c *cobra.Command, limit int) error {
	if limit < 0 {
		return usagef(c, "--limit wants a number of 0 or more, found %d", limit)
	}
	return nil
}

// limited is what --limit leaves of a split.
func limited(s datasets.Split, limit int) datasets.Split {
	if limit > 0 {
		return s.Head(limit)
	}
	return s
}
