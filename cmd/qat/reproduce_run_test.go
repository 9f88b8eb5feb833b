package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/qat-go/qat/experiments"
)

// full is a device that takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A table that cannot be printed has its files all the same.
func TestTablesAreWrittenWhereTheyCannotBePrinted(t *testing.T) {
	table, err := experiments.Load("mini", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, js := range []bool{false, true} {
		dir := t.TempDir()
		cells, err := showTable(&openedTable{table, table.Cells, table.Seeds, dir}, js, full{})
		if err == nil || len(cells) != len(table.Cells) {
			t.Errorf("%d cells, %v", len(cells), err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "table.csv"))
		if err != nil || bytes.Count(text, []byte("\n")) != 1+len(table.Cells) {
			t.Errorf("%v, table.csv:\n%s", err, text)
		}
	}
}
