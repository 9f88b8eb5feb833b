// Package train runs experiments: it trains a network as a config says,
// keeps checkpoints and metrics, evaluates the integer network and exports it.
//
// Most callers want [Run].
package train

import (
	"context"
	"errors"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// Model is a network with the data that it is trained and tested on.
type Model struct {
	Config *configs.Config
	Net    *layers.Network
	Data   *datasets.Dataset
	pool   *kernels.Pool

	stage   int                 // of quant.schedule that the network is of; 0 without
	average *Model              // over averages; nil unless in training with train.weight_ema
	taught  *Model              // the teacher, once it is loaded for training
	reading Reading             // of files that the config names
	taken   bool                // quantizers have what model.init gave them
	learned []configs.LayerBits // bit widths, whole numbers, which the config leaves to training
}

// errNoModel is that of a model that no function made.
var errNoModel = errors.New("there is no model; want one of train.Open or train.Describe")

// check reports a model that no function made.
func (m *Model) check() error {
	if m == nil || m.Config == nil || m.Net == nil || m.Data == nil || m.pool == nil {
		return errNoModel
	}
	return nil
}

// errNoConfig is that of a nil config, which is no choice of a user.
var errNoConfig = errors.New("there is no config; want one of configs.Load")

// openData opens a data set. Tests decode the embedded one once.
var openData = datasets.Open

// Open reads the config's data set from dir (the config's data.root if dir is
// empty) and builds its network with random weights, with stages that of the last one. threads is the number of
// threads, 0 for all cores. Close the model after use.
func Open(cfg *configs.Config, dir string, threads int) (*Model, error) {
	return open(context.Background(), cfg, dir, threads)
}

// open is Open that tells a context's listener what it measures, and stops with the context.
func open(ctx context.Context, cfg *configs.Config, dir string, threads int) (*Model, error) {
	if cfg == nil {
		return nil, errNoConfig
	}
	if err := kernels.Check(); err != nil {
		return nil, err
	}
	data, err := openData(string(cfg.Data.Dataset), cfg.DataOptions(dir))
	if err != nil {
		return nil, err
	}
	if cfg, err = measured(ctx, cfg, data); err != nil {
		return nil, err
	}
	return newModel(cfg, data, threads)
}

// Describe builds a config's network without reading its data set: the model
// has no images.
func Describe(cfg *configs.Config) (*Model, error) {
	if cfg == nil {
		return nil, errNoConfig
	}
	data, err := datasets.Describe(string(cfg.Data.Dataset), cfg.DataOptions(""))
	if err != nil {
		return nil, err
	}
	return newModel(cfg, data, 1)
}

func newModel(cfg *configs.Config, data *datasets.Dataset, threads int) (*Model, error) {
	if err := normalizable(cfg, data); err != nil {
		return nil, err
	}
	net, err := newNetwork(cfg.Final(), shapeOf(data), inputOf(data))
	if err != nil {
		return nil, err
	}
	return &Model{Config: cfg, Net: net, Data: data, pool: kernels.NewPool(threads), stage: max(len(cfg.Quant.Schedule)-1, 0)}, nil
}

// newNetwork returns a config's network for an input.
func newNetwork(cfg *configs.Config, shape networks.Shape, in layers.Input) (*layers.Network, error) {
	graph, err := cfg.Model.Build(shape, len(in.Classes))
	if err != nil {
		return nil, err
	}
	net, err := layers.New(graph, &cfg.Quant, in, cfg.Train.Seed)
	return net, untrainable(cfg, err)
}

// untrainable places what keeps the network from training at the key that names it.
func untrainable(cfg *configs.Config, err error) error {
	var lacks *layers.UntrainableError
	var name *layers.NameError
	var target *layers.TargetError
	if errors.As(err, &target) {
		return configs.ErrorList{cfg.Mistake("quant.target."+target.Key, "%s", target.Reason)}
	}
	if errors.As(err, &name) && cfg.Model.Network != nil {
		return configs.ErrorList{cfg.Mistake("model.network", "%v", name)}
	}
	if errors.As(err, &lacks) && cfg.Model.Network != nil {
		return configs.ErrorList{cfg.Mistake("model.network", "the network %v", lacks)}
	}
	if errors.As(err, &lacks) {
		return configs.ErrorList{cfg.Mistake("model.arch", "%s %v", cfg.Model.Arch, lacks)}
	}
	return err
}

// Outline describes a config's network without weights, its data set unread: also one that cannot be trained yet. Then, the
// error of trainable is a [configs.ErrorList] that says why.
func Outline(cfg *configs.Config) (net *layers.Network, trainable, err error) {
	if cfg == nil {
		return nil, nil, errNoConfig
	}
	data, err := datasets.Describe(string(cfg.Data.Dataset), cfg.DataOptions(""))
	if err != nil {
		return nil, nil, err
	}
	if err := normalizable(cfg, data); err != nil {
		return nil, nil, err
	}
	graph, err := cfg.Model.Build(shapeOf(data), len(data.Classes))
	if err != nil {
		return nil, nil, err
	}
	if net, err = layers.Describe(graph, &cfg.Quant, inputOf(data)); err != nil {
		return nil, nil, untrainable(cfg, err)
	}
	return net, untrainable(cfg, net.Trainable()), nil
}

func shapeOf(d *datasets.Dataset) networks.Shape {
	return networks.Shape{H: d.Height, W: d.Width, C: d.Channels}
}

// with returns a model of another config on the same data and threads, of one with stages in the same stage. Only the
// original is to be closed.
func (m *Model) with(cfg *configs.Config) (*Model, error) {
	net, err := newNetwork(cfg.InStage(m.stage), m.Net.Shape(), m.Net.Input)
	if err != nil {
		return nil, err
	}
	return &Model{Config: cfg, Net: net, Data: m.Data, pool: m.pool, reading: m.reading, stage: m.stage}, nil
}

// Threads are what the model computes with until it is closed.
func (m *Model) Threads() *threads.Pool {
	if m.check() != nil {
		return nil
	}
	return (*threads.Pool)(m.pool)
}

// Close ends the model's threads.
func (m *Model) Close() {
	if m.check() == nil {
		m.pool.Close()
	}
}

// inputOf describes a data set's images to a network.
func inputOf(d *datasets.Dataset) layers.Input {
	lo, hi := d.InputRange()
	return layers.Input{Mean: d.Mean, Std: d.Std, Real: d.Real, Lo: lo, Hi: hi, Classes: d.Classes, Fit: integer.Fit(d.Fit)}
}

// loader returns the loader of training batches.
func (m *Model) loader() (*datasets.Loader, error) {
	d := &m.Config.Data
	workers := d.Workers
	if workers == 0 {
		workers = m.pool.Threads()
	}
	if found := checkAugment(m.Config, m.Data); found != nil {
		return nil, found
	}
	return datasets.NewLoader(m.Data, m.Data.Train, datasets.LoaderOptions{
		Batch: m.Config.Train.Batch, Seed: m.Config.Train.Seed, Shuffle: true, DropLast: true,
		Augment: d.Augment.Options(), Workers: workers,
	})
}
