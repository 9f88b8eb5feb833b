package experiments

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

//go:embed published.csv
var embeddedPublished string

// Published is an accuracy that a paper reports, in percent as papers have it.
type Published struct {
	Top1       float64  `json:"top1"`
	Float      *float64 `json:"float_top1,omitempty"` // of the network without quantization, beside it
	FirstLast  string   `json:"first_last,omitempty"`
	Source     string   `json:"source"`
	Confidence string   `json:"confidence"` // seen, or recalled: a placeholder
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

// publishedRow is a row of such a file.
type publishedRow struct {
	at     string // file and line
	fields map[string]string
}

// readPublished reads a file of published accuracies: CSV whose first line names its columns.
func readPublished(name string, r io.Reader) ([]publishedRow, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: it is empty; want CSV with a first line that names the columns, %s among them", name, strings.Join(requiredColumns, " and "))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	head[0] = strings.TrimPrefix(head[0], "\uFEFF")
	for _, column := range requiredColumns {
		if !slices.Contains(head, column) {
			return nil, fmt.Errorf("%s:1: there is no column %q; found %s", name, column, strings.Join(head, ", "))
		}
	}
	var rows []publishedRow
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := in.FieldPos(0)
		row := publishedRow{at: fmt.Sprintf("%s:%d", name, line), fields: map[string]string{}}
		for i, column := range head {
			row.fields[column] = strings.TrimSpace(fields[i])
		}
		if _, err := row.published(); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
}

// published reads the numbers of a row.
func (r publishedRow) published() (*Published, error) {
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

func (r publishedRow) percent(column string) (float64, error) {
	v, err := strconv.ParseFloat(r.fields[column], 64)
	if err != nil || !(v > 0 && v <= 100) {
		return 0, fmt.Errorf("%s: %s: wanted an accuracy in percent, above 0 and up to 100; found %q", r.at, column, r.fields[column])
	}
	return v, nil
}

// matches says whether the row has the values of where in their columns.
func (r publishedRow) matches(where map[string]string) bool {
	for column, want := range where {
		if r.fields[column] != want {
			return false
		}
	}
	return true
}

// findPublished returns the one row with the values of where, of the first file that has one; nil if none has.
func findPublished(files [][]publishedRow, where map[string]string) (*Published, error) {
	for _, rows := range files {
		var found []publishedRow
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
