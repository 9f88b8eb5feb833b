package experiments

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// csvRow is a line of a CSV file whose first line names its columns.
type csvRow struct {
	at     string // file and line
	fields map[string]string
}

// readCSV reads such a file, which has to have some columns.
func readCSV(name string, text []byte, required []string) (head []string, rows []csvRow, err error) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\uFEFF"))))
	failed := func(err error) error {
		if at := (*csv.ParseError)(nil); errors.As(err, &at) {
			return fmt.Errorf("%s:%d:%d: %w", name, at.Line, at.Column, at.Err)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	head, err = in.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%s: it is empty; want CSV with a first line that names the columns, %s among them", name, strings.Join(required, " and "))
	}
	if err != nil {
		return nil, nil, failed(err)
	}
	for i, column := range head {
		head[i] = strings.TrimSpace(column)
		if slices.Contains(head[:i], head[i]) {
			return nil, nil, fmt.Errorf("%s:1: there are two columns %q", name, head[i])
		}
	}
	for _, column := range required {
		if !slices.Contains(head, column) {
			return nil, nil, fmt.Errorf("%s:1: there is no column %q; found %s", name, column, strings.Join(head, ", "))
		}
	}
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return head, rows, nil
		}
		if err != nil {
			return nil, nil, failed(err)
		}
		line, _ := in.FieldPos(0)
		row := csvRow{at: fmt.Sprintf("%s:%d", name, line), fields: map[string]string{}}
		for i, column := range head {
			row.fields[column] = strings.TrimSpace(fields[i])
		}
		rows = append(rows, row)
	}
}
