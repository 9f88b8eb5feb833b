package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/qat-go/qat/configs"
)

// usageError says what is wrong with the command line.
type usageError struct {
	message string
	command string // whose help tells what would be right
}

func (e *usageError) Error() string { return e.message }

func usagef(c *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), c.CommandPath()}
}

// wantArgs accepts at least least arguments and at most most, -1 for any number.
// what names them.
func wantArgs(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef(c, "missing argument; want %s", what)
		case most >= 0 && len(args) > most:
			return usagef(c, "unexpected argument %q; want %s", args[most], what)
		}
		return nil
	}
}

// noArgs accepts no arguments.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(c, "unexpected argument %q", args[0])
	}
	return nil
}

// newHelpCommand is cobra's, but an unknown command is an error.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef(c.Root(), "unknown command %q", strings.Join(args, " "))
			}
			return of.Help()
		},
	}
}

// newGroup makes c a command that only has subcommands.
func newGroup(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef(c, "missing command")
		}
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return usagef(c, "unknown command %q (did you mean %q?)", args[0], strings.Join(near, " or "))
		}
		return usagef(c, "unknown command %q", args[0])
	}
	return c
}

// overrideFor says how a key of the config is written that was given as a flag.
func overrideFor(c *cobra.Command, err error, args []string) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || !strings.Contains(c.Use, "KEY=VALUE") {
		return ""
	}
	name := unknown.GetSpecifiedName()
	key := configs.KeyFor(name)
	if key == "" {
		return ""
	}
	value := "VALUE"
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			value = v
		} else if arg == "--"+name && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return fmt.Sprintf("; a key of the config is given as %s=%s", key, value)
}
