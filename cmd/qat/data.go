package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/syntax"
	"github.com/qat-go/qat/train"
)

func newDataCommand() *cobra.Command {
	c := newGroup(&cobra.Command{
		Use:   "data",
		Short: "Download, describe, verify and pack data sets",
	})
	c.AddCommand(newDataGetCommand(), newDataInfoCommand(), newDataPackCommand(), newDataVerifyCommand())
	return c
}

type dataOptions struct {
	data string
	json bool
}

func newDataGetCommand() *cobra.Command {
	var o dataOptions
	c := &cobra.Command{
		Use:   "get DATASET",
		Short: "Download and verify a data set",
		Long: `Download a data set, verify its SHA-256 and unpack it. DATASET is
` + strings.Join(datasets.Obtained(), ", ") + `; cifar10-mini is built in.

An interrupted download continues where it stopped. What is there already stays
as it is, and an archive that was put into the directory by hand is verified and
unpacked.

EXIT STATUS
  0    done
  1    the download failed; the message says where to put which file
  2    the command line is wrong
  130  interrupted; run it again to continue`,
		Example: `  qat data get cifar10 --data data`,
		Args:    wantDataset(datasets.Obtained()),
		RunE: func(c *cobra.Command, args []string) error {
			return runDataGet(c.Context(), o, args[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.addFlags(c)
	return c
}

func (o *dataOptions) addFlags(c *cobra.Command) {
	addData(c, &o.data)
	addJSON(c, &o.json)
}

// addData adds --data, whose default is the environment's.
func addData(c *cobra.Command, dir *string) {
	*dir = os.Getenv("QAT_DATA")
	c.Flags().Var((*directory)(dir), "data", "directory of the data sets, `DIR` (default $QAT_DATA, else the config's data.root)")
	c.Flags().Lookup("data").DefValue = "" // the environment is not for help texts
}

// directory is the value of a flag that names one: an empty text, as of a variable that is not set, names none.
type directory string

func (d *directory) String() string { return string(*d) }
func (*directory) Type() string     { return "string" }

func (d *directory) Set(dir string) error {
	if dir == "" {
		return errors.New("it is empty; want a directory")
	}
	*d = directory(dir)
	return nil
}

// wantDataset takes one of these data sets.
func wantDataset(names []string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := wantArgs(1, 1, "DATASET: "+strings.Join(names, " or "))(c, args); err != nil {
			return err
		}
		return checkDataset(c, args[0], names)
	}
}

func checkDataset(c *cobra.Command, name string, names []string) error {
	if !slices.Contains(names, name) {
		return usagef(c, "unknown data set %q%s; want %s", name, syntax.Suggest(name, names), strings.Join(names, " or "))
	}
	return nil
}

func runDataGet(ctx context.Context, o dataOptions, name string, stdout, stderr io.Writer) error {
	dir := cmp.Or(o.data, configs.DefaultRoot)
	if err := download(ctx, name, dir, newProgress(stderr, false)); err != nil {
		return err
	}
	return runDataInfo(ctx, infoOptions{dataOptions: o}, name, stdout)
}

// fetch makes sure that the config's data set is there. dir is what --data says. A
// download goes to the default directory only: one that was named may be misspelt,
// or not mounted.
func fetch(ctx context.Context, cfg *configs.Config, dir string, p *progress) error {
	name := string(cfg.Data.Dataset)
	if dir = cmp.Or(dir, cfg.Data.Root); dir == configs.DefaultRoot {
		return download(ctx, name, dir, p)
	}
	_, err := datasets.Locate(name, dir)
	return err
}

// checkNamed reports a directory that was named for a data set, by --data or the environment, and is missing, whether or
// not the data set needs it.
func checkNamed(dataset, dir string) error {
	if dir == "" {
		return nil
	}
	_, err := datasets.Locate(dataset, dir)
	return err
}

// load reads a trained model and its data set, from dir if that is not empty.
func load(c *train.Checkpoint, dir string, threads int) (*train.Model, error) {
	if err := checkNamed(string(c.Config.Data.Dataset), dir); err != nil {
		return nil, err
	}
	return c.Load(dir, threads)
}

func download(ctx context.Context, name, dir string, p *progress) error {
	defer p.close()
	return datasets.Download(ctx, name, dir, datasets.DownloadOptions{
		Progress: func(done, total int64) { p.download(name, done, total) },
	})
}
