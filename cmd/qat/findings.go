package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/qat-go/qat/layers"
)

// mostNamed is how many names a warning lists.
const mostNamed = 2

// printFindings prints a line for each kind of which there are some.
func printFindings(w io.Writer, f layers.Findings) error {
	named := func(shares []layers.Finding) (texts []string) {
		for _, s := range shares {
			texts = append(texts, fmt.Sprintf("%s (%.0f %%)", s.Name, 100*s.Share))
		}
		return texts
	}
	for _, kind := range []struct {
		what  string
		texts []string
	}{
		{"scales held by their floor", named(f.OnFloor)},
		{"clipped", named(f.Clipped)},
		{"one value everywhere", f.Dead},
	} {
		texts := kind.texts
		if n := len(texts); n > mostNamed {
			texts = append(texts[:mostNamed:mostNamed], fmt.Sprintf("%d more", n-mostNamed))
		}
		if len(texts) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "warning: %s: %s\n", kind.what, strings.Join(texts, ", ")); err != nil {
			return err
		}
	}
	return nil
}
