package train

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/threads"
)

// teacher is a float network of the student's architecture. It runs as in evaluation, on the student's batches.
type teacher struct {
	net    *layers.Network
	vm     *machine.Machine
	logits *tensor.Dense
	init   string // a line for the user
}

// teacherModel loads the teacher of the config, with a line for the user.
func (m *Model) teacherModel() (*Model, string, error) {
	cfg := *m.Config
	cfg.Quant = configs.Quant{}
	t, err := m.with(&cfg)
	if err != nil {
		return nil, "", err
	}
	line, err := t.loadWeights("quant.distillation.teacher", m.Config.Quant.Distillation.Teacher, m.Config.Quant.Distillation.TeacherKey)
	return t, line, err
}

// newTeacher readies the teacher of the config; x are the student's images.
func (m *Model) newTeacher(x *tensor.Dense) (*teacher, error) {
	t, init, err := m.teacherModel()
	if err != nil {
		return nil, err
	}
	c := layers.NewContext((*threads.Pool)(m.pool), false)
	logits, err := t.Net.Build(c, x)
	if err != nil {
		return nil, fmt.Errorf("teacher: %w", err)
	}
	vm, err := machine.New(m.pool, machine.Options{}, logits)
	if err != nil {
		return nil, fmt.Errorf("teacher: %w", err)
	}
	return &teacher{t.Net, vm, logits.Value().(*tensor.Dense), init}, nil
}

// run computes the logits of the batch in x.
func (t *teacher) run() error {
	if err := t.vm.RunAll(); err != nil {
		return fmt.Errorf("teacher: %w", err)
	}
	return nil
}
