package experiments

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/syntax"
)

//go:embed published.csv
var embeddedPublished []byte

// Published is an accuracy that a paper reports, in percent as papers have it.
type Published struct {
	Top1       float64  `json:"top1"`
	Float      *float64 `json:"float_top1,omitempty"` // of the network without quantization, beside it
	FirstLast  string   `json:"first_last,omitempty"`
	Source     string   `json:"source"`
	Confidence string   `json:"confidence"`       // seen, or recalled: a placeholder
	Epochs     int      `json:"epochs,omitempty"` // that the source trained, as the table says; 0: not known
}

// Columns of a file with published accuracies. A row is one network with one method and width.
const (
	top1Column       = "top1"
	floatColumn      = "fp_top1"
	firstLastColumn  = "first_last"
	sourceColumn     = "reported_in"
	confidenceColumn = "confidence"
)

// requiredColumns are those that a file has to have; all others are for filters.
var requiredColumns = []string{top1Column, sourceColumn}

// readPublished reads a file of published accuracies.
func readPublished(name string, text []byte) ([]csvRow, error) {
	_, rows, err := readCSV(name, text, requiredColumns)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if _, err := r.published(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// published reads the numbers of a row.
func (r csvRow) published() (*Published, error) {
	p := &Published{FirstLast: r.fields[firstLastColumn], Source: r.fields[sourceColumn], Confidence: r.fields[confidenceColumn]}
	top1, err := r.percent(top1Column)
	if err != nil {
		return nil, err
	}
	p.Top1 = top1
	if r.fields[floatColumn] != "" {
		float, err := r.percent(floatColumn)
		if err != nil {
			return nil, err
		}
		p.Float = &float
	}
	return p, nil
}

func (r csvRow) percent(column string) (float64, error) {
	v, err := strconv.ParseFloat(r.fields[column], 64)
	if err != nil || !(v > 0 && v <= 100) {
		return 0, fmt.Errorf("%s: %s: wanted an accuracy in percent, above 0 and up to 100; found %q", r.at, column, r.fields[column])
	}
	return v, nil
}

// matches says whether the row has the values of where in their columns.
func (r csvRow) matches(where map[string]string) bool {
	for column, want := range where {
		if r.fields[column] != want {
			return false
		}
	}
	return true
}

// findPublished returns the one row with the values of where, of the first file that has one; nil if none has.
func findPublished(files [][]csvRow, where map[string]string) (*Published, error) {
	for _, rows := range files {
		var found []csvRow
		for _, r := range rows {
			if r.matches(where) {
				found = append(found, r)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0].published()
		}
		return nil, fmt.Errorf("%s and %s both have %s; name another column that tells them apart", found[0].at, found[1].at, describeWhere(where))
	}
	return nil, nil
}

func describeWhere(where map[string]string) string {
	var parts []string
	for column, value := range where {
		parts = append(parts, column+": "+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// whereColumns reports columns that no file of published accuracies has.
func (s *source) whereColumns(d decoder, files [][]csvRow) {
	var known []string
	for _, rows := range files {
		for _, r := range rows {
			known = slices.AppendSeq(known, maps.Keys(r.fields))
			break // the others have the same
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	check := func(at syntax.Pos, where map[string]string) {
		for _, column := range slices.Sorted(maps.Keys(where)) {
			if !slices.Contains(known, column) {
				d.errs.Report(at, "published: there is no column %q%s; there are %s", syntax.Shorten(column), syntax.Suggest(column, known), strings.Join(known, ", "))
			}
		}
	}
	check(s.at, s.published.where)
	for _, a := range s.axes {
		for _, v := range a.values {
			check(v.pos, v.published)
		}
	}
	for _, a := range s.add {
		check(a.pos, a.published)
	}
}
