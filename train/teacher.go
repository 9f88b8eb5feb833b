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
	line, err := t.loadWeights(teacherOption, m.Config.Quant.Distillation.Teacher, m.Config.Quant.Distillation.TeacherKey)
	return t, line, err
}

// teacherBytes is the memory of a teacher that is not loaded: what it computes with for a batch, and its arrays.
func (m *Model) teacherBytes() (arena, arrays int, err error) {
	in := m.Net.Shape()
	graph, err := m.Config.Model.Build(in, len(m.Net.Input.Classes))
	if err != nil {
		return 0, 0, err
	}
	net, err := layers.Describe(graph, &configs.Quant{}, m.Net.Input)
	if err != nil {
		return 0, 0, err
	}
	for _, a := range net.Store.All() {
		arrays += 4 * len(a.Data())
	}
	c := layers.NewContext((*threads.Pool)(m.pool), false)
	logits, err := net.Build(c, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(m.Config.Train.Batch, in.H, in.W, in.C)))
	if err != nil {
		return 0, 0, err
	}
	arena, err = machine.Size(m.pool, machine.Options{}, logits)
	return arena, arrays, err
}

// newTeacher readies the teacher of the config; x are the student's images.
func (m *Model) newTeacher(x *tensor.Dense) (*teacher, error) {
	t, init := m.taught, "" // of an earlier stage
	if t == nil {
		var err error
		if t, init, err = m.teacherModel(); err != nil {
			return nil, err
		}
		m.taught = t
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
