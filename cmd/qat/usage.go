package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/syntax"
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
				return unknownCommand(of, rest)
			}
			of.InitDefaultHelpFlag() // which "of --help" shows
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
		return unknownCommand(c, args)
	}
	return c
}

// unknownCommand reports args, which begin with no command of c.
func unknownCommand(c *cobra.Command, args []string) error {
	return usagef(c, "unknown command %q%s", args[0], syntax.DidYouMean(c.SuggestionsFor(args[0])))
}

// flagTypes says what flags want, by what pflag calls them.
var flagTypes = map[string]string{"int": "a whole number", "float64": "a number", "bool": "true or false", "duration": "a time such as 90m or 8h",
	"intSlice": "whole numbers with commas between", "uint64": "a whole number of 0 or more"}

// flagProblem says what is wrong with a flag, and what was meant.
func flagProblem(c *cobra.Command, err error, args []string) string {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &invalid) && flagTypes[invalid.GetFlag().Value.Type()] != "":
		return fmt.Sprintf("--%s wants %s, found %q", invalid.GetFlag().Name, flagTypes[invalid.GetFlag().Value.Type()], invalid.GetValue())
	case !errors.As(err, &unknown):
		return err.Error()
	case !c.HasParent() && strings.HasPrefix("version", unknown.GetSpecifiedName()): // -v too
		return fmt.Sprintf("%v (did you mean %q?)", err, "qat version")
	}
	return err.Error() + overrideFor(c, unknown.GetSpecifiedName(), args)
}

// overrideFor says how a key of the config is written that was given as the flag name.
func overrideFor(c *cobra.Command, name string, args []string) string {
	if !strings.Contains(c.Use, "KEY=VALUE") {
		return ""
	}
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
