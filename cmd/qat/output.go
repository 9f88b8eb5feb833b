package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/train"
)

// What is printed where: results on stdout, everything else on stderr. Errors
// are one sentence that begins with "qat: error:", followed by a "qat: hint:"
// where there is something to do that the error does not say. The findings of a
// config stand a line each, as compilers write them.

func printError(w io.Writer, err error) {
	if err == nil {
		return
	}
	var findings configs.ErrorList
	switch {
	case errors.As(err, &findings):
		for _, f := range findings {
			say(w, "qat: error: %v", f)
		}
	case errors.Is(err, train.ErrInterrupted):
		say(w, "qat: %v", err)
	case errors.Is(err, context.Canceled):
		say(w, "qat: interrupted")
	default:
		for _, e := range together(err) {
			say(w, "qat: error: %v", e)
		}
	}
	if h := hint(err); h != "" {
		say(w, "qat: hint: %s", h)
	}
}

// together returns the errors that errors.Join made one of.
func together(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, together(e)...)
	}
	return all
}

func hint(err error) string {
	var usage *usageError
	var notInteger *layers.NotIntegerError
	switch {
	case errors.As(err, &usage):
		return fmt.Sprintf("%q shows what is possible", usage.command+" --help")
	case errors.As(err, &notInteger):
		return "eval --simulate measures the floating-point simulation of such a network, and export --float writes its weights"
	}
	return ""
}

// printJSON writes v in one line.
func printJSON(w io.Writer, v any) error {
	js, err := json.Marshal(v)
	if err == nil {
		_, err = w.Write(append(printableJSON(js), '\n'))
	}
	return err
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

// size is a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes < 1<<10:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.2f MiB", float64(bytes)/(1<<20))
}

// pace is a speed; of the slowest, a decimal counts.
func pace(imagesPerSecond float64) string {
	return perSecond(imagesPerSecond, fmt.Sprintf("%.0f", imagesPerSecond)) + " images/s"
}

// perSecond is v, as the caller writes it unless it is slow.
func perSecond(v float64, whole string) string {
	if v < 9.95 {
		return fmt.Sprintf("%.1f", v)
	}
	return whole
}

// mebibytes is an amount of memory, 0 if the system does not tell.
func mebibytes(mib float64) string {
	if mib == 0 {
		return "unknown on this system"
	}
	return fmt.Sprintf("%.0f MiB", mib)
}

// count is a number of operations or parameters for people.
func count(n int64) string {
	switch {
	case n < 1e4:
		return fmt.Sprint(n)
	case n < 1e6:
		return fmt.Sprintf("%.1f k", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.2f M", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f G", float64(n)/1e9)
}

// duration is a time in whole seconds: 45s, 2m10s.
func duration(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

// addJSON adds --json.
func addJSON(c *cobra.Command, js *bool) {
	c.Flags().BoolVar(js, "json", false, "print one JSON object, and nothing else, on stdout")
}

// result prints what a command found: v as JSON, or else text.
func result(w io.Writer, js bool, v any, text func(io.Writer) error) error {
	if js {
		return printJSON(w, v)
	}
	return text(w)
}
