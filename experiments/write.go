package experiments

import (
	"io"
	"os"
	"path/filepath"

	"github.com/qat-go/qat/internal/atomicfile"
)

// Write writes what a table shows into its folder: table.md, table.csv and table.html.
func Write(dir string, t *Table, cells []*Summary) error {
	if err := checkSummaries(t, cells); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer, *Table, []*Summary) error
	}{{"table.md", writeDocument}, {"table.csv", WriteCSV}, {"table.html", WriteHTML}} {
		if err := atomicfile.Write(filepath.Join(dir, f.name), func(w io.Writer) error { return f.write(w, t, cells) }); err != nil {
			return err
		}
	}
	return nil
}

// Row is a cell as programs read it. Accuracies and drops are in percent; what is not known is absent.
type Row struct {
	Cell          map[string]string `json:"cell"`
	PublishedTop1 *float64          `json:"published_top1,omitempty"`
	PublishedDrop *float64          `json:"published_drop,omitempty"`
	Source        string            `json:"source,omitempty"`
	MeasuredTop1  *float64          `json:"measured_top1,omitempty"`
	Spread        *float64          `json:"measured_spread,omitempty"`
	MeasuredDrop  *float64          `json:"measured_drop,omitempty"`
	Verdict       Verdict           `json:"verdict,omitempty"`
	Seeds         int               `json:"seeds"`
	Epochs        int               `json:"published_epochs,omitempty"` // that the source trained
	Remarks       []string          `json:"remarks"`
}

// TableReport is a table as programs read it.
type TableReport struct {
	Table string `json:"table"`
	Title string `json:"title"`
	Cells []Row  `json:"cells"`
}

// Report is the table as programs read it.
func Report(t *Table, cells []*Summary) (*TableReport, error) {
	if err := checkSummaries(t, cells); err != nil {
		return nil, err
	}
	r := &TableReport{t.Name, t.Title, []Row{}}
	for _, s := range cells {
		row := Row{Cell: map[string]string{}, Seeds: len(s.Results), MeasuredDrop: s.Drop, PublishedDrop: s.Cell.Published.PublishedDrop(), Verdict: s.Verdict(), Remarks: append([]string{}, s.Deviations()...)}
		for i, a := range t.Axes {
			row.Cell[a.Name] = s.Cell.Values[i]
		}
		if p := s.Cell.Published; p != nil {
			row.PublishedTop1, row.Source, row.Epochs = &p.Top1, p.Source, p.Epochs
		}
		if len(s.Results) > 0 {
			row.MeasuredTop1 = &s.Mean
		}
		if len(s.Results) > 1 {
			row.Spread = &s.Spread
		}
		r.Cells = append(r.Cells, row)
	}
	return r, nil
}
