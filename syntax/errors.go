package syntax

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is where something was written: in a file, or in an argument.
type Pos struct {
	File         string
	Line, Column int    // from 1; 0 when only the file is known
	Argument     string // the whole key.path=value; File is empty then
	Preset       string // that stands there and gave the value
}

// String is "file:line:column", or the argument.
func (p Pos) String() string {
	switch {
	case p.Argument != "":
		return fmt.Sprintf("argument %q", Shorten(p.Argument))
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Error is one finding and its place.
type Error struct {
	Pos     Pos
	Message string
}

// Error implements error.
func (e Error) Error() string { return e.Pos.String() + ": " + e.Message }

// MaxFindings is how many mistakes are told; the others are counted.
const MaxFindings = 50

// ErrorList is what is wrong with a config, sorted by place. Of very many mistakes the last one tells how many more there
// are.
type ErrorList []Error

// Error returns one finding per line.
func (l ErrorList) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Report appends a finding; nil hears of none.
func (l *ErrorList) Report(at Pos, format string, args ...any) {
	if l != nil {
		*l = append(*l, Error{Pos: at, Message: fmt.Sprintf(format, args...)})
	}
}

// Sorted returns the findings by place, each once, and those above [MaxFindings] as a count.
func (l ErrorList) Sorted() ErrorList {
	slices.SortStableFunc(l, func(a, b Error) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Argument, b.Pos.Argument), // files, which have none, first
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
	l = slices.Compact(l)
	if more := len(l) - MaxFindings; more > 0 {
		at := Pos{File: l[MaxFindings].Pos.File, Argument: l[MaxFindings].Pos.Argument}
		l = append(l[:MaxFindings], Error{at, fmt.Sprintf("%d more mistakes; mend those above first", more)})
	}
	return l
}
