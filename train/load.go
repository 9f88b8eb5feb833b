package train

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/safetensors"
)

// CheckpointPath is the checkpoint that a run's directory or a file stands for.
func CheckpointPath(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		checkpoint := filepath.Join(path, CheckpointFile)
		if _, err = os.Stat(checkpoint); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s has no %s; wanted the directory of a run, which qat train writes", path, CheckpointFile)
		}
		path = checkpoint
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: no such file or directory; wanted the directory of a run, which qat train writes, or a checkpoint", path)
	}
	return path, err
}

// Load opens a trained model: a run's directory, which means its last
// checkpoint, or a checkpoint file; of weights with averages, the averages. The config comes from the checkpoint. dir
// is where data sets are, as in Open.
func Load(path, dir string, threads int) (*Model, error) {
	return load(path, func(cfg *configs.Config) (*Model, error) { return Open(cfg, dir, threads) })
}

// LoadNetwork is Load without the data set's pictures: enough to describe and
// to export the network.
func LoadNetwork(path string) (*Model, error) { return load(path, Describe) }

func load(path string, open func(*configs.Config) (*Model, error)) (*Model, error) {
	path, err := CheckpointPath(path)
	if err != nil {
		return nil, err
	}
	f, _, err := readCheckpoint(path)
	if err != nil {
		return nil, err
	}
	preferAverages(f)
	cfg, err := configOf(path, f)
	if err != nil {
		return nil, err
	}
	m, err := open(cfg)
	if err != nil {
		return nil, err
	}
	if err := m.restore(path, f, nil); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// CheckpointConfig returns the config that a checkpoint was trained with.
func CheckpointConfig(path string) (*configs.Config, error) {
	f, _, err := readCheckpoint(path)
	if err != nil {
		return nil, err
	}
	return configOf(path, f)
}

func configOf(path string, f *safetensors.File) (*configs.Config, error) {
	cfg, err := configs.Parse(path, []byte(f.Metadata["config"]))
	if err != nil {
		return nil, fmt.Errorf("%s: the config inside is not valid for this version: %w", path, err)
	}
	return cfg, nil
}
