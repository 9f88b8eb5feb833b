package main

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/experiments"
)

func newCompareCommand() *cobra.Command {
	var js, asCSV bool
	c := &cobra.Command{
		Use:   "compare RUN...",
		Short: "Show runs side by side: where they differ, and what they measured",
		Long: `Show the runs in these folders side by side: the keys in which their configs
differ, and what they measured. Runs that differ in their seed only share a
column, with the mean and the standard deviation over the seeds.

EXIT STATUS
  0  done
  1  a run is not done yet
  2  the command line is wrong, or a folder holds no run`,
		Example: `  qat compare runs/quickstart runs/w2a2
  qat compare runs/w4a4_seed* --csv`,
		Args: wantArgs(1, -1, "a RUN, the folder of one"),
		RunE: func(c *cobra.Command, args []string) error {
			if js && asCSV {
				return usagef(c, "--json and --csv do not go together")
			}
			cmp, err := experiments.Compare(args)
			if err != nil {
				return err
			}
			if asCSV {
				return compareCSV(c.OutOrStdout(), cmp)
			}
			return result(c.OutOrStdout(), js, cmp, func(w io.Writer) error { return printComparison(w, cmp) })
		},
	}
	addJSON(c, &js)
	c.Flags().BoolVar(&asCSV, "csv", false, "print CSV")
	return c
}

func printComparison(w io.Writer, c *experiments.Comparison) error {
	legend := newTable(w)
	heading := []string{""}
	for i, column := range c.Columns {
		heading = append(heading, letters(i))
		legend.row(letters(i), strings.Join(column.Runs, " "))
	}
	if err := legend.flush(); err != nil {
		return err
	}
	say(w, "")
	t := newTable(w, heading...)
	row := func(name string, values []string) {
		cells := []any{name}
		for _, v := range values {
			cells = append(cells, v)
		}
		t.row(cells...)
	}
	for _, s := range c.Settings {
		row(s.Key, s.Values)
	}
	for _, m := range c.Measures {
		var values []string
		for i, v := range m.Means {
			values = append(values, measured(m.Name, v, m.Spreads[i]))
		}
		row(m.Name, values)
	}
	return t.flush()
}

// letters names a column: A to Z, AA and so on.
func letters(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return letters(i/26-1) + letters(i%26)
}

// measured writes a number as other commands do, with its spread.
func measured(name string, mean, spread *float64) string {
	write := func(v float64) string {
		switch {
		case strings.HasSuffix(name, "_top1"):
			return percent(v)
		case name == "size_bytes":
			return size(int64(v))
		case name == "bitops":
			return count(int64(v))
		case name == "images_per_second":
			return perSecond(v, strconv.FormatFloat(v, 'f', 0, 64))
		}
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	if mean == nil {
		return "-"
	}
	text := write(*mean)
	if spread != nil && *spread != 0 {
		text += " ± " + write(*spread)
	}
	return text
}

// compareCSV writes a line a column of the comparison.
func compareCSV(w io.Writer, c *experiments.Comparison) error {
	out := csv.NewWriter(w)
	head := []string{"runs", "seeds"}
	for _, s := range c.Settings {
		head = append(head, s.Key)
	}
	for _, m := range c.Measures {
		head = append(head, m.Name, m.Name+"_spread")
	}
	if err := out.Write(head); err != nil {
		return err
	}
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	for i, column := range c.Columns {
		var seeds []string
		for _, s := range column.Seeds {
			seeds = append(seeds, strconv.FormatUint(s, 10))
		}
		line := []string{strings.Join(column.Runs, " "), strings.Join(seeds, " ")}
		for _, s := range c.Settings {
			line = append(line, s.Values[i])
		}
		for _, m := range c.Measures {
			line = append(line, number(m.Means[i]), number(m.Spreads[i]))
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
