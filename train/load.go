package train

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/safetensors"
)

// Checkpoint is a trained model as a file has it; of weights with averages, the averages.
type Checkpoint struct {
	Path   string          // of the file
	Config *configs.Config // of a run with quant.schedule, of the stage that the checkpoint is in
	file   *safetensors.File
	state  state
}

// Reading says how files are read that may be damaged; the zero value refuses them.
type Reading = export.Reading

// OpenCheckpoint reads a run's directory, which means its last checkpoint, or a checkpoint file.
func OpenCheckpoint(path string, r Reading) (*Checkpoint, error) {
	c := &Checkpoint{Path: path}
	const want = "the directory of a run, which qat train writes, or a checkpoint"
	kind, err := filetype.Check(path, want, filetype.Run, filetype.Checkpoint, filetype.Unknown) // the reader tells what is wrong with a damaged one
	if err != nil {
		return nil, err
	}
	if kind == filetype.Run {
		c.Path = filepath.Join(path, CheckpointFile)
	}
	c.file, c.state, err = readCheckpoint(c.Path, r)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s has no %s yet; continue the run with --resume", path, CheckpointFile)
	case err != nil:
		return nil, err
	}
	preferAverages(c.file)
	if c.Config, err = configs.Parse(c.Path, []byte(c.file.Metadata["config"])); err != nil {
		return nil, fmt.Errorf("%s: the config inside is not valid for this version: %w", c.Path, err)
	}
	if err := c.state.fits(c.Config); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	if c.Config, err = c.state.given(c.Config); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	return c, nil
}

// Load returns the model. dir is where data sets are, as in Open.
func (c *Checkpoint) Load(dir string, threads int) (*Model, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return c.into(Open(c.Config, dir, threads))
}

// LoadNetwork is Load without the data set's images: enough to describe and
// to export the network.
func (c *Checkpoint) LoadNetwork() (*Model, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return c.into(Describe(c.Config))
}

// check reports a checkpoint that was not opened.
func (c *Checkpoint) check() error {
	if c == nil || c.Config == nil || c.file == nil {
		return errors.New("there is no checkpoint; want one of train.OpenCheckpoint")
	}
	return nil
}

// into restores a model that was built for the checkpoint.
func (c *Checkpoint) into(m *Model, err error) (*Model, error) {
	if err != nil {
		return nil, err
	}
	if err := m.restore(c.Path, c.file, c.state, false); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}
