package train

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/integer"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	cfg, err := configs.Load("quickstart", nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Describe(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := context.Background()
	for name, try := range map[string]func(cfg *configs.Config) error{
		"Open":             func(cfg *configs.Config) error { _, err := Open(cfg, "", 1); return err },
		"Describe":         func(cfg *configs.Config) error { _, err := Describe(cfg); return err },
		"Check":            func(cfg *configs.Config) error { return Check(cfg, "") },
		"Run":              func(cfg *configs.Config) error { _, err := Run(ctx, cfg, Options{Out: t.TempDir()}); return err },
		"Memory":           func(cfg *configs.Config) error { _, err := Memory(cfg, 1, 1, false); return err },
		"CheckMemory":      func(cfg *configs.Config) error { _, err := CheckMemory(cfg, "", 1); return err },
		"CheckBenchMemory": func(cfg *configs.Config) error { _, err := CheckBenchMemory(cfg, 1); return err },
		"Bench":            func(cfg *configs.Config) error { _, err := Bench(ctx, cfg, BenchOptions{}); return err },
	} {
		for _, cfg := range []*configs.Config{nil, {}} {
			t.Run(name, func(t *testing.T) {
				if try(cfg) == nil {
					t.Errorf("no error with %v", cfg)
				}
			})
		}
	}
	for _, m := range []*Model{nil, {}} {
		for name, try := range map[string]func() error{
			"Simulate":        func() error { _, err := m.Simulate(ctx, datasets.Split{}); return err },
			"Simulation":      func() error { _, err := m.Simulation(); return err },
			"EvaluateInteger": func() error { _, err := m.EvaluateInteger(ctx, &integer.Network{}, datasets.Split{}); return err },
			"Tracer":          func() error { _, err := m.Tracer(&integer.Network{}); return err },
			"Lower":           func() error { _, err := m.Lower(); return err },
			"Batches":         func() error { return m.Batches(ctx, datasets.Split{}, nil) },
			"WriteFloat":      func() error { return m.WriteFloat(filepath.Join(t.TempDir(), "x")) },
		} {
			if err := try(); !errors.Is(err, errNoModel) {
				t.Errorf("%s of no model: %v", name, err)
			}
		}
		m.Close()
	}
	for _, c := range []*Checkpoint{nil, {}} {
		for name, try := range map[string]func() error{
			"Load":        func() error { _, err := c.Load("", 1); return err },
			"LoadNetwork": func() error { _, err := c.LoadNetwork(); return err },
			"Findings":    func() error { _, err := c.Findings(m); return err },
		} {
			if try() == nil {
				t.Errorf("%s of no checkpoint gives no error", name)
			}
		}
	}
	for name, try := range map[string]func() error{
		"Batches":        func() error { return m.Batches(ctx, datasets.Split{}, nil) },
		"Accuracies":     func() error { return Accuracies(nil, nil, nil, nil) },
		"OpenCheckpoint": func() error { _, err := OpenCheckpoint("", Reading{}); return err },
		"Evaluate nil":   func() error { _, err := Evaluate(ctx, nil, nil, datasets.Split{}, 1); return err },
		"Evaluate zero": func() error {
			_, err := Evaluate(ctx, &integer.Network{}, &datasets.Dataset{}, datasets.Split{}, 1)
			return err
		},
		"Retarget nil": func() error { _, err := Retarget(nil, configs.Float32); return err },
		"Integer nil":  func() error { _, err := m.EvaluateInteger(ctx, nil, datasets.Split{}); return err },
		"Integer zero": func() error { _, err := m.EvaluateInteger(ctx, &integer.Network{}, datasets.Split{}); return err },
		"Simulate":     func() error { _, err := m.Simulate(ctx, datasets.Split{}); return err },
		"Tracer":       func() error { _, err := m.Tracer(nil); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
}
