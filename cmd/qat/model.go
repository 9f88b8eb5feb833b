package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/train"
)

// isExport tells an exported network from a run's directory or a checkpoint.
func isExport(path string) bool {
	return strings.EqualFold(filepath.Ext(path), "."+export.Extension(configs.Safetensors))
}

// checkpointOf is the checkpoint that a run's directory or a file stands for.
func checkpointOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, train.CheckpointFile)
		_, err = os.Stat(path)
	}
	return path, err
}

// openModel loads a run or a checkpoint; a missing data set is downloaded.
func openModel(ctx context.Context, path, data string, threads int, p *progress) (*train.Model, error) {
	checkpoint, err := checkpointOf(path)
	if err != nil {
		return nil, err
	}
	cfg, err := train.CheckpointConfig(checkpoint)
	if err != nil {
		return nil, err
	}
	if err := fetch(ctx, cfg, data, p); err != nil {
		return nil, err
	}
	return train.Load(checkpoint, data, threads)
}

// openExport loads an exported network, and a model that has the data set to
// run it on.
func openExport(ctx context.Context, path, dataset, data string, threads int, p *progress) (*train.Model, *integer.Network, error) {
	net, err := export.Read(path)
	if err != nil {
		return nil, nil, err
	}
	// An export has no config; of this one only the data set counts.
	cfg, err := configs.Load("quickstart", []string{"data.dataset=" + dataset})
	if err != nil {
		return nil, nil, err
	}
	if err := fetch(ctx, cfg, data, p); err != nil {
		return nil, nil, err
	}
	m, err := train.Open(cfg, data, threads)
	if err != nil {
		return nil, nil, err
	}
	in, d := net.Tensors[0], m.Data
	if in.H != d.Height || in.W != d.Width || in.C != d.Channels || !slices.Equal(net.Classes, d.Classes) || net.Mean != d.Mean || net.Std != d.Std {
		m.Close()
		return nil, nil, fmt.Errorf("%s: the network takes pictures of %s in %d classes, normalized by %v and %v; %s has %s in %d classes, %v and %v",
			path, shape([3]int{in.H, in.W, in.C}), len(net.Classes), net.Mean, net.Std,
			d.Name, shape([3]int{d.Height, d.Width, d.Channels}), len(d.Classes), d.Mean, d.Std)
	}
	return m, net, nil
}
