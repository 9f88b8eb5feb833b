package experiments

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/train"
)

// budgetFile remembers, in a table's folder, what a budget left: every later command, and other processes, scale alike.
const budgetFile = "budget.json"

// budget is how the epochs of a table are scaled.
type budget struct {
	Budget string  `json:"budget"`
	Full   string  `json:"full"`  // what all epochs were expected to take
	Share  float64 `json:"share"` // of its epochs that each run keeps
}

// Scale fits the table into a budget: each cell keeps the same share of its epochs or steps, at least one. The share is measured once for
// a folder, with all cells and seeds of the table, and kept there; a folder that has one goes on with it, and with another
// budget is an error. Without a budget, and none in the folder, nothing changes.
func Scale(ctx context.Context, t *Table, wanted time.Duration, opt Options, tell func(kind, of int)) (share float64, err error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	ctx = cmp.Or(ctx, context.Background())
	opt.Dir = cmp.Or(opt.Dir, DefaultDir(t))
	if opt.Progress == nil {
		opt.Progress = silence{}
	}
	if tell == nil {
		tell = func(int, int) {}
	}
	b, err := readBudget(opt.Dir)
	if b == nil && err == nil && wanted > 0 {
		b, err = makeBudget(ctx, t, wanted, opt, tell)
	}
	if err != nil {
		return 0, err
	}
	return t.scale(b, opt.Dir, wanted)
}

// ScaleAsBegun is [Scale] for a table that is looked at: it measures and writes nothing. Where the folder has no share of the
// budget yet the table stays as it is, and the share is 0.
func ScaleAsBegun(t *Table, dir string, wanted time.Duration) (share float64, err error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	dir = cmp.Or(dir, DefaultDir(t))
	b, err := readBudget(dir)
	if err != nil || b == nil && wanted > 0 {
		return 0, err
	}
	return t.scale(b, dir, wanted)
}

// scale leaves each cell the share of the folder's budget, if it has one, which is that wanted, if one is.
func (t *Table) scale(b *budget, dir string, wanted time.Duration) (share float64, err error) {
	if b == nil {
		return 1, nil
	}
	if wanted > 0 && b.Budget != wanted.String() {
		return 0, fmt.Errorf("%w: %s was begun with a budget of %s, this is %s; choose another folder with --out", ErrStale, dir, b.Budget, wanted)
	}
	for _, c := range t.Cells {
		if c.Config, err = c.Config.Shorten(b.Share); err != nil {
			return 0, err
		}
	}
	return b.Share, nil
}

// readBudget returns nil if the folder has none.
func readBudget(dir string) (*budget, error) {
	path := filepath.Join(dir, budgetFile)
	text, err := regular.Read(path, maxResult)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var b budget
	if err := json.Unmarshal(text, &b); err != nil || !(b.Share > 0 && b.Share <= 1) {
		return nil, asMistake(fmt.Errorf("%s: it is no budget that qat wrote; remove it, or choose another folder with --out", path))
	}
	return &b, nil
}

// makeBudget measures the share, in one process at a time.
func makeBudget(ctx context.Context, t *Table, wanted time.Duration, opt Options, tell func(kind, of int)) (*budget, error) {
	for {
		lock, err := train.LockDir(ctx, opt.Dir, opt.Progress.Message)
		if errors.Is(err, train.ErrInUse) { // by a process that measures
			continue
		}
		if err != nil {
			return nil, err
		}
		defer lock.Release()
		break
	}
	if b, err := readBudget(opt.Dir); b != nil || err != nil {
		return b, err
	}
	runs, err := Runs(t.Cells, t.Seeds)
	if err != nil {
		return nil, err
	}
	costs, err := Costs(ctx, runs, opt, tell)
	if err != nil {
		return nil, err
	}
	full := Total(costs)
	b := &budget{Budget: wanted.String(), Full: full.Round(time.Second).String(), Share: min(1, wanted.Seconds()/max(full.Seconds(), 1e-9))}
	js, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opt.Dir, 0o777); err != nil {
		return nil, err
	}
	return b, atomicfile.WriteBytes(filepath.Join(opt.Dir, budgetFile), append(js, '\n'))
}
