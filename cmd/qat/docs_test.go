package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// commandLines returns the command lines of qat in a text, without "qat".
func commandLines(text string) [][]string {
	var lines [][]string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "$ "), " #")
		line, _, _ = strings.Cut(line, " > ") // is the shell's
		for _, prefix := range []string{"qat ", "go run ./cmd/qat "} {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				lines = append(lines, strings.Fields(rest))
			}
		}
	}
	return lines
}

// checkLine parses a command line without running it.
func checkLine(args []string) error {
	c, rest, err := newRootCommand().Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil && !c.HasSubCommands() {
		err = c.ValidateArgs(c.Flags().Args())
	} else if err == nil {
		err = c.RunE(c, c.Flags().Args())
	}
	return err
}

// TestDocumentedCommands parses the command lines of the README and of docs/.
func TestDocumentedCommands(t *testing.T) {
	docs, _ := filepath.Glob("../../docs/*.md")
	top, _ := filepath.Glob("../../*.md")
	for _, page := range append(docs, top...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		fenced := strings.Split(string(text), "\n```")
		for i := 1; i < len(fenced); i += 2 {
			for _, args := range commandLines(fenced[i]) {
				if err := checkLine(args); err != nil {
					t.Errorf("%s: qat %s: %v", page, strings.Join(args, " "), err)
				}
			}
		}
	}
}

// goTypes finds a flag whose usage has no word in backquotes.
var goTypes = regexp.MustCompile(`--[a-z-]+ (u?int|float|string)\b`)

// TestHelp wants every command to have examples that parse and to list its exit
// statuses.
func TestHelp(t *testing.T) {
	examples := 0
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			visit(sub)
		}
		for _, args := range commandLines(c.Example) {
			examples++
			if err := checkLine(args); err != nil {
				t.Errorf("example of %s: qat %s: %v", c.CommandPath(), strings.Join(args, " "), err)
			}
		}
		var help bytes.Buffer
		c.SetOut(&help)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(help.String()) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("the help of %s does not fit 80 columns: %s", c.CommandPath(), line)
			}
		}
		if m := goTypes.FindString(c.LocalFlags().FlagUsages()); m != "" {
			t.Errorf("the help of %s: %q names Go's type in place of what the flag takes", c.CommandPath(), m)
		}
		if leaf := !c.HasSubCommands() && c.Name() != "help"; leaf && !strings.Contains(c.Long, "\n\nEXIT STATUS\n  0 ") {
			t.Errorf("the help of %s has no EXIT STATUS", c.CommandPath())
		}
	}
	visit(newRootCommand())
	if examples < 10 {
		t.Errorf("found %d examples; is the test blind?", examples)
	}
}

// "qat help X" is what "qat X --help" is.
func TestHelpCommand(t *testing.T) {
	for _, of := range [][]string{nil, {"train"}, {"config", "check"}} {
		var command, flag bytes.Buffer
		if Main(append([]string{"help"}, of...), nil, &command, io.Discard) != exitDone || Main(append(of, "--help"), nil, &flag, io.Discard) != exitDone {
			t.Fatal(of)
		}
		if command.String() != flag.String() {
			t.Errorf("qat help %v:\n%s\nwith --help:\n%s", of, &command, &flag)
		}
	}
}
