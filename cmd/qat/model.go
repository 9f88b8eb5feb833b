package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/train"
)

// isExport tells an exported network from a run's directory or a checkpoint.
func isExport(path string) bool {
	return strings.EqualFold(filepath.Ext(path), "."+export.Extension(configs.Safetensors))
}

// loadModel loads a checkpoint; a missing data set is downloaded.
func loadModel(ctx context.Context, c *train.Checkpoint, data string, threads int, p *progress) (*train.Model, error) {
	if err := fetch(ctx, c.Config, data, p); err != nil {
		return nil, err
	}
	return c.Load(data, threads)
}

// sameInput tells that a data set has the pictures and classes that a network knows.
func sameInput(path string, net *integer.Network, d *datasets.Dataset) error {
	in := net.Tensors[0]
	if in.H == d.Height && in.W == d.Width && in.C == d.Channels && slices.Equal(net.Classes, d.Classes) && net.Mean == d.Mean && net.Std == d.Std {
		return nil
	}
	return fmt.Errorf("%s: the network takes pictures of %s in %d classes, normalized by %v and %v; %s has %s in %d classes, %v and %v",
		path, shape([3]int{in.H, in.W, in.C}), len(net.Classes), net.Mean, net.Std,
		d.Name, shape([3]int{d.Height, d.Width, d.Channels}), len(d.Classes), d.Mean, d.Std)
}
