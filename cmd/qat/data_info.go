package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/atomicfile"
)

type infoOptions struct {
	dataOptions
	sheet string
}

func newDataInfoCommand() *cobra.Command {
	var o infoOptions
	c := &cobra.Command{
		Use:   "info DATASET",
		Short: "Describe what there is of a data set",
		Long: `List the files of a data set with images, sizes and SHA-256; of images in
folders, classes, counts and sizes. DATASET is
` + strings.Join(datasets.Described(), ", ") + `.

EXIT STATUS
  0  done
  1  a file is missing or damaged
  2  the command line is wrong`,
		Example: `  qat data info cifar10-mini
  qat data info folder --data pets --sheet pets.png`,
		Args: wantDataset(datasets.Described()),
		RunE: func(c *cobra.Command, args []string) error {
			return runDataInfo(c.Context(), o, args[0], c.OutOrStdout())
		},
	}
	o.addFlags(c)
	c.Flags().StringVar(&o.sheet, "sheet", "", "draw ten images, of as many classes as there are, to `FILE`.png")
	return c
}

func runDataInfo(ctx context.Context, o infoOptions, name string, stdout io.Writer) error {
	if err := checkNamed(name, o.data); err != nil {
		return err
	}
	options := datasets.Options{Dir: cmp.Or(o.data, configs.DefaultRoot), Folder: datasets.Folder{TestShare: configs.DefaultTestShare}, Arrays: datasets.Arrays{TestShare: configs.DefaultTestShare}}
	d, err := datasets.Info(name, options)
	if err != nil {
		return err
	}
	if o.sheet != "" {
		err := atomicfile.Write(o.sheet, func(w io.Writer) error { return datasets.ContactSheet(ctx, w, name, options) })
		if err != nil {
			return err
		}
	}
	return result(stdout, o.json, d, func(w io.Writer) error { return printDataset(w, d) })
}

func printDataset(w io.Writer, d *datasets.Description) error {
	about := newTable(w)
	about.row("data set", d.Name)
	if d.Height > 0 {
		about.row("images", fmt.Sprintf("%dx%dx%d", d.Height, d.Width, d.Channels))
	} else {
		about.row("images", fmt.Sprintf("of %s", d.Sizes))
	}
	classes := strings.Join(d.Classes, ", ")
	if len(d.Classes) > 20 {
		classes = strings.Join(d.Classes[:20], ", ") + ", ..."
	}
	about.row("classes", fmt.Sprintf("%d: %s", len(d.Classes), classes))
	for _, s := range d.Splits {
		text := fmt.Sprintf("%d images", s.Images)
		if each := s.PerClass(); each != "" {
			text += ", " + each
		}
		about.row(s.Name, text)
	}
	if d.Packed != "" {
		about.row("packed", d.Packed)
	}
	if d.Others > 0 {
		about.row("no images", fmt.Sprintf("%d files, by their names", d.Others))
	}
	if err := about.flush(); err != nil || len(d.Files) == 0 {
		return err
	}
	say(w, "")
	t := newTable(w, "FILE", "SPLIT", "IMAGES", "BYTES", "SHA-256").dropping("SHA-256", "BYTES")
	for _, f := range d.Files {
		t.row(cmp.Or(f.Path, "(built in)"), f.Split, f.Images, f.Bytes, f.SHA256)
	}
	return t.flush()
}
