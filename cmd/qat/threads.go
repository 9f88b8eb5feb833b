package main

import "github.com/spf13/cobra"

func addThreads(c *cobra.Command, threads *int) {
	c.Flags().IntVar(threads, "threads", 0, "number of threads, `N`; 0 is one for each core; results do not depend on it")
}

func checkThreads(c *cobra.Command, threads int) error {
	if threads < 0 || threads > 1024 {
		return usagef(c, "--threads wants a number from 0 to 1024, found %d", threads)
	}
	return nil
}
