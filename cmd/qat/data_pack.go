package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/train"
)

type packOptions struct {
	data      string
	out       string
	side      int
	resize    string
	exif      string
	share     float64
	seed      uint64
	maxBroken int
	shard     int
}

func newDataPackCommand() *cobra.Command {
	o := packOptions{resize: string(configs.Bilinear), exif: string(configs.IgnoreEXIF)}
	c := &cobra.Command{
		Use:   "pack DATASET --out DIR",
		Short: "Decode the images of a data set once",
		Long: `Decode the images of folder or imagenet, resize those that are larger, and write
them to large files, from which training reads them many times as fast: name DIR
by --data, or data.root, in place of the original folder. The order stays, so
training sees the same images in the same batches.

An interrupted packing goes on where it stopped. Images that cannot be read are
named; more than --max-broken of them end the packing.

EXIT STATUS
  0    done
  1    an image cannot be read, or a file cannot be written
  2    the command line is wrong
  130  interrupted; run it again to continue`,
		Example: `  qat data pack imagenet --data ILSVRC2012 --out packed --shorter-side 256
  qat train my.yaml --data packed`,
		Args: wantFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if o.out == "" {
				return usagef(c, "--out is missing; want a folder for what is packed")
			}
			return runDataPack(c.Context(), o, args[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	addData(c, &o.data)
	f.StringVarP(&o.out, "out", "o", "", "the folder that is written, `DIR`")
	f.IntVar(&o.side, "shorter-side", 0, "resize images whose shorter side is longer to `N` pixels; 0 keeps them")
	f.StringVar(&o.resize, "resize", o.resize, "the filter, `NAME`: bilinear or bicubic")
	f.StringVar(&o.exif, "exif", o.exif, "orientation tags, `WHAT`: ignore or apply")
	f.Float64Var(&o.share, "test-share", configs.DefaultTestShare, "`SHARE` of each class that is the test set, where there is no folder for it")
	f.Uint64Var(&o.seed, "split-seed", 0, "seed of --test-share, `N`")
	f.IntVar(&o.maxBroken, "max-broken", 0, "images that may be unreadable, `N`")
	f.IntVar(&o.shard, "shard", 0, "images in a file, `N`; 0 is 4096")
	return c
}

// wantFiles takes data sets of images in files.
func wantFiles(c *cobra.Command, args []string) error {
	if err := wantArgs(1, 1, "DATASET: folder or imagenet")(c, args); err != nil {
		return err
	}
	if !datasets.OfFiles(args[0]) {
		return usagef(c, "%q is not packed; want folder or imagenet", args[0])
	}
	return nil
}

func runDataPack(ctx context.Context, o packOptions, name string, stdout, stderr io.Writer) error {
	dir := cmp.Or(o.data, configs.DefaultRoot)
	p := newProgress(stderr, false)
	defer p.close()
	options := datasets.Options{Dir: dir, MaxBroken: o.maxBroken, Folder: datasets.Folder{
		Fit: datasets.Fit{Filter: o.resize, Turn: o.exif == string(configs.ApplyEXIF)}, TestShare: o.share, SplitSeed: o.seed,
	}}
	err := datasets.Pack(ctx, name, options, o.out, datasets.PackOptions{ShorterSide: o.side, Shard: o.shard, Progress: func(done, total int) {
		p.work(train.Work{Doing: "packing", What: "images", Done: done, Total: total})
	}})
	if err != nil {
		return err
	}
	p.close()
	return runDataInfo(ctx, infoOptions{dataOptions: dataOptions{data: o.out}}, name, stdout)
}

func newDataVerifyCommand() *cobra.Command {
	var o dataOptions
	c := &cobra.Command{
		Use:   "verify DATASET",
		Short: "Read every file of a data set",
		Long: `Decode every image of a data set, or compare packed ones with their checksums,
and name what is damaged. DATASET is one of
` + strings.Join(datasets.Described(), ", ") + `.

EXIT STATUS
  0    all is well
  1    something is damaged
  2    the command line is wrong
  130  interrupted`,
		Example: `  qat data verify folder --data pets`,
		Args:    wantDataset(datasets.Described()),
		RunE: func(c *cobra.Command, args []string) error {
			return runDataVerify(c.Context(), o, args[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.addFlags(c)
	return c
}

// verified is what verify found.
type verified struct {
	Dataset string   `json:"dataset"`
	Checked int      `json:"checked"`
	Damaged []string `json:"damaged"`
}

func runDataVerify(ctx context.Context, o dataOptions, name string, stdout, stderr io.Writer) error {
	if err := checkNamed(name, o.data); err != nil {
		return err
	}
	p := newProgress(stderr, false)
	defer p.close()
	v := verified{Dataset: name, Damaged: []string{}}
	checked := "" // what there are
	err := datasets.Verify(ctx, name, datasets.Options{Dir: cmp.Or(o.data, configs.DefaultRoot), Folder: datasets.Folder{TestShare: configs.DefaultTestShare}, Arrays: datasets.Arrays{TestShare: configs.DefaultTestShare}}, func(done, total int, what string) {
		v.Checked, checked = total, what
		p.work(train.Work{Doing: "verifying", What: what, Done: done, Total: total})
	})
	var damaged *datasets.VerifyError
	if err != nil && !errors.As(err, &damaged) {
		return err
	}
	p.close()
	if damaged != nil {
		for _, e := range damaged.Found {
			v.Damaged = append(v.Damaged, e.Error())
		}
	}
	if err := result(stdout, o.json, v, func(w io.Writer) error {
		for _, text := range v.Damaged {
			say(w, "%s", text)
		}
		say(w, "%s: %d of %d %s damaged", name, len(v.Damaged), v.Checked, checked)
		return nil
	}); err != nil {
		return err
	}
	if damaged != nil {
		return fmt.Errorf("%s: %d damaged", name, len(v.Damaged))
	}
	return nil
}
