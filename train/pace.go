package train

import (
	"cmp"
	"context"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/memory"
)

// Pace is how many images a second a config's network takes on this machine.
type Pace struct {
	Training   float64 `json:"training"`
	Simulation float64 `json:"simulation"`
}

// MeasurePace measures them on random images, over so many training steps and a short evaluation; it reads no data.
func MeasurePace(ctx context.Context, cfg *configs.Config, threads, steps int) (Pace, error) {
	ctx = cmp.Or(ctx, context.Background())
	if cfg == nil {
		return Pace{}, errNoConfig
	}
	m, err := synthetic(cfg, threads)
	if err != nil {
		return Pace{}, err
	}
	defer m.Close()
	defer memory.Settle()()
	if err := m.calibrate(ctx); err != nil {
		return Pace{}, err
	}
	s, err := m.newStepper(machine.Options{})
	if err != nil {
		return Pace{}, err
	}
	times, err := m.benchSteps(ctx, s, max(steps, 1), nil)
	if err != nil {
		return Pace{}, err
	}
	memory.Settle()
	a, err := m.Simulate(ctx, m.Data.Test)
	if err != nil {
		return Pace{}, err
	}
	return Pace{Training: m.imagesPerSecond(times), Simulation: float64(a.Images) / a.Seconds}, nil
}

// Sketch returns the integer network of a config with random weights, calibrated on random images: for what it costs. It reads no
// data.
func Sketch(ctx context.Context, cfg *configs.Config, threads int) (*integer.Network, error) {
	ctx = cmp.Or(ctx, context.Background())
	if cfg == nil {
		return nil, errNoConfig
	}
	m, err := synthetic(cfg, threads)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if err := m.calibrate(ctx); err != nil {
		return nil, err
	}
	return m.Lower()
}
