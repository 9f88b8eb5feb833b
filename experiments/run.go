package experiments

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/train"
)

// Run is one training: a cell with one of its seeds, or the float twin of cells.
type Run struct {
	Cell   *Cell // nil: a float twin
	Seed   uint64
	Config *configs.Config
	// Full is how long the table wants to train, of which a budget leaves less in Config.
	Full configs.Duration
	// Hash is the SHA-256, in hex, of the config without what no result depends on: names, folders, threads, exports, logging.
	Hash string
}

// Name is the cell's, or that of the twin.
func (r *Run) Name() string {
	if r == nil || r.Cell == nil && r.Config == nil {
		return ""
	}
	if r.Cell == nil {
		return "float " + r.Config.Name
	}
	return r.Cell.Name()
}

// File is the name of the run's folder, and of its result before ".json".
func (r *Run) File() string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("%s-seed%d-%.8s", slug(r.Name()), r.Seed, r.Hash)
}

// idle are the keys of a config, or what they begin with, that no result depends on.
var idle = []string{"name", "description", "data.root", "data.workers", "train.log_every", "train.checkpoint_every", "export."}

func isIdle(key string) bool {
	return slices.ContainsFunc(idle, func(idle string) bool {
		return key == idle || strings.HasSuffix(idle, ".") && strings.HasPrefix(key, idle)
	})
}

// hash is the identity of an experiment.
func hash(cfg *configs.Config) string {
	h := sha256.New()
	for _, s := range cfg.Settings() {
		if !isIdle(s.Key) {
			fmt.Fprintf(h, "%s: %s\n", s.Key, s.Value)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// begun is the config with which the run in a folder began, if it is that of this experiment: names and the like may have changed
// since, and a run goes on only with the config that it has.
func (r *Run) begun(dir string) *configs.Config {
	saved, err := os.ReadFile(filepath.Join(dir, train.ConfigFile))
	if err != nil {
		return r.Config
	}
	if then, err := configs.Parse(train.ConfigFile, saved); err == nil && hash(then) == r.Hash {
		return then
	}
	return r.Config
}

// newRun is the run of a config with a seed.
func newRun(cell *Cell, cfg *configs.Config, seed uint64, full configs.Duration) *Run {
	own := *cfg
	own.Train.Seed = seed
	return &Run{Cell: cell, Seed: seed, Config: &own, Full: full, Hash: hash(&own)}
}

// run is the run of a cell with a seed.
func (c *Cell) run(seed uint64) *Run { return newRun(c, c.Config, seed, c.Full) }

// twin is the same experiment without quantizers; nil if it has none itself.
func (r *Run) twin() (*Run, error) {
	cfg, err := r.Config.Float()
	if err != nil {
		return nil, err
	}
	if t := newRun(nil, cfg, r.Seed, r.Full); t.Hash != r.Hash {
		return t, nil
	}
	return nil, nil
}

// checkRuns reports runs that Runs did not make.
func checkRuns(runs []*Run) error {
	for _, r := range runs {
		if r == nil || r.Config == nil {
			return errors.New("a run has no config; want runs of experiments.Runs")
		}
	}
	return nil
}

// Runs lists the runs of cells in the order in which they are made: all cells with the first seed, then with the next. The float
// twin of a cell comes before the first cell that it is the twin of, and once for all of them.
func Runs(cells []*Cell, seeds []uint64) ([]*Run, error) {
	if err := checkCells(cells); err != nil {
		return nil, err
	}
	var all []*Run
	made := map[string]bool{}
	add := func(r *Run) {
		if !made[r.Hash] {
			made[r.Hash] = true
			all = append(all, r)
		}
	}
	for _, seed := range seeds {
		runs := make([]*Run, len(cells))
		own := map[string]bool{} // of cells, which may be the twins of others
		for i, c := range cells {
			runs[i] = c.run(seed)
			own[runs[i].Hash] = true
		}
		for _, r := range runs {
			twin, err := r.twin()
			if err != nil {
				return nil, err
			}
			if twin != nil && !own[twin.Hash] {
				add(twin)
			}
			add(r)
		}
	}
	return all, nil
}
