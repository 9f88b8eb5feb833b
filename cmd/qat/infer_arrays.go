package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/npy"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
	"github.com/qat-go/qat/train"
)

// arrays is what --json prints of infer --input.
type arrays struct {
	train.Experiment
	Input  string `json:"input"`
	Output string `json:"output"`
	Images int    `json:"images"`
	Mode   string `json:"mode"` // integer or simulate
	Target string `json:"target,omitempty"`
}

// runArrays writes the logits (N, classes) of the arrays (N, C, H, W) of a file, normalized, to another.
func runArrays(ctx context.Context, c *cobra.Command, o inferOptions, path string) error {
	how := reading(o.force, c.ErrOrStderr())
	if _, err := filetype.Check(o.input, "a NumPy array (.npy)", filetype.NPY); err != nil {
		return err
	}
	if same(o.input, o.output) {
		return usagef(c, "%s is the input; name another file for the logits", o.output)
	}
	if err := writable(c, o.output, filetype.NPY, o.force); err != nil {
		return err
	}
	f, size, err := regular.Open(o.input)
	if err != nil {
		return err
	}
	defer f.Close()
	in, err := npy.NewReader(bufio.NewReader(f), size)
	if err != nil {
		return fmt.Errorf("%s: %w", o.input, err)
	}
	r, err := openRuns(c, o, path, how)
	if err != nil {
		return err
	}
	defer r.close()
	features := r.shape.H == 1 && r.shape.W == 1 && len(in.Shape) == 2 && in.Shape[1] == r.shape.C
	if s := r.shape; !features && (len(in.Shape) != 4 || !slices.Equal(in.Shape[1:], []int{s.C, s.H, s.W})) {
		err := fmt.Errorf("%s: an array of shape %v; wanted (N, %d, %d, %d): images, channels, height and width, normalized as for training", o.input, in.Shape, s.C, s.H, s.W)
		if len(in.Shape) == 4 && slices.Equal(in.Shape[1:], []int{s.H, s.W, s.C}) {
			err = fmt.Errorf("%w; save x.transpose(0, 3, 1, 2)", err)
		}
		return err
	}
	n := in.Shape[0]
	p := newProgress(c.ErrOrStderr(), o.plain)
	defer p.close()
	err = atomicfile.Write(o.output, func(w io.Writer) error { return r.write(ctx, w, in, n, p.work) })
	if err != nil {
		return fmt.Errorf("%s: %w", o.input, err)
	}
	a := arrays{r.experiment, o.input, o.output, n, r.mode, r.target}
	return result(c.OutOrStdout(), o.json, a, func(w io.Writer) error {
		t := newTable(w)
		t.row("network", networkOf(a.Mode, a.Target))
		t.row("images", n)
		t.row("logits", fmt.Sprintf("%s  (%d, %d)", a.Output, n, r.classes))
		return t.flush()
	})
}

// same tells that two paths name one file.
func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// runs is a network that runs on arrays.
type runs struct {
	shape      networks.Shape
	classes    int
	batch      int
	experiment train.Experiment
	mode       string
	target     string
	eval       train.Evaluator[float32]
	close      func()
}

// openRuns opens the integer network of a run, a checkpoint or an export or, with --simulate, a run's simulation.
func openRuns(c *cobra.Command, o inferOptions, path string, how train.Reading) (*runs, error) {
	if o.simulate {
		exported, err := isExport(path)
		if err != nil {
			return nil, err
		}
		if exported {
			return nil, noSimulation(c)
		}
		checkpoint, err := train.OpenCheckpoint(path, how)
		if err != nil {
			return nil, err
		}
		m, err := checkpoint.LoadNetwork()
		if err != nil {
			return nil, err
		}
		eval, err := m.Simulation()
		if err != nil {
			m.Close()
			return nil, err
		}
		return &runs{m.Net.Shape(), len(m.Net.Input.Classes), m.EvalBatch(), train.ExperimentOf(checkpoint.Config), "simulate", "", eval, m.Close}, nil
	}
	net, experiment, err := openInteger(path, how)
	if err == nil {
		net, err = retarget(net, o.target)
	}
	if err != nil {
		return nil, err
	}
	pool := threads.New(0)
	batch := train.BatchOf(net)
	r, err := integer.NewRunner(net, pool, batch)
	if err != nil {
		pool.Close()
		return nil, err
	}
	in := net.Tensors[0]
	return &runs{networks.Shape{H: in.H, W: in.W, C: in.C}, net.Logits().Out, batch, experiment, "integer", net.Target.String(), r.Run, pool.Close}, nil
}

// write writes the logits of n images, and tells after each batch how far it is.
func (r *runs) write(ctx context.Context, w io.Writer, in *npy.Reader, n int, tell func(train.Work)) error {
	if _, err := w.Write(npy.Header("<f4", n, r.classes)); err != nil {
		return err
	}
	one := make([]float32, r.shape.Len()) // an image as the file has it, C, H, W
	x := make([]float32, r.batch*len(one))
	pixels := r.shape.H * r.shape.W
	for done := 0; done < n; {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch := min(r.batch, n-done)
		for i := range batch {
			if _, err := in.Read(one); err != nil {
				return err
			}
			for at, v := range one {
				if v-v != 0 {
					return fmt.Errorf("element %d of image %d is %v; wanted finite numbers", at, done+i, v)
				}
				x[i*len(one)+at%pixels*r.shape.C+at/pixels] = v
			}
		}
		logits, err := r.eval(x[:batch*len(one)], batch)
		if err != nil {
			return err
		}
		if _, err := w.Write(npy.AppendFloat32s(nil, logits[:batch*r.classes])); err != nil {
			return err
		}
		done += batch
		tell(train.Work{Doing: "running", What: "images", Done: done, Total: n})
	}
	return nil
}
