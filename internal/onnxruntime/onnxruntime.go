//go:build onnxruntime

package onnxruntime

import (
	"fmt"
	"os"
	"path/filepath"

	ort "github.com/yalue/onnxruntime_go"
)

// Built reports whether this program can load onnxruntime.
const Built = true

// Runtime is the loaded library. There is at most one in a process.
type Runtime struct{}

// Open loads the library at path.
func Open(path string) (*Runtime, error) {
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return nil, fmt.Errorf("onnxruntime: %s: %w", path, err)
	}
	return &Runtime{}, nil
}

// Version returns the version of the library.
func (*Runtime) Version() string { return ort.GetVersion() }

// Close unloads the library.
func (*Runtime) Close() error { return ort.DestroyEnvironment() }

// Session is a model that is ready to run.
type Session struct {
	session *ort.DynamicAdvancedSession
	outputs []string
}

// Session loads a model, the bytes of an ONNX file with one input.
func (*Runtime) Session(model []byte, o Options) (s *Session, err error) {
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		return nil, fmt.Errorf("onnxruntime: %w", err)
	}
	if len(inputs) != 1 {
		return nil, fmt.Errorf("onnxruntime: the model has %d inputs, want 1", len(inputs))
	}
	s = &Session{}
	for _, out := range outputs {
		s.outputs = append(s.outputs, out.Name)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("onnxruntime: %w", err)
	}
	defer options.Destroy()
	level := ort.GraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll)
	if o.Optimize {
		level = ort.GraphOptimizationLevelEnableAll
	}
	if err = options.SetGraphOptimizationLevel(level); err == nil {
		err = options.SetIntraOpNumThreads(o.Threads)
	}
	if err == nil && o.Dump != "" {
		// The kernels' own weight layout cannot be written to a file.
		err = options.SetOptimizedModelFilePath(o.Dump)
	}
	if err == nil {
		s.session, err = ort.NewDynamicAdvancedSessionWithONNXData(model, []string{inputs[0].Name}, s.outputs, options)
	}
	if err != nil {
		return nil, fmt.Errorf("onnxruntime: %w", err)
	}
	return s, nil
}

// Close frees the session.
func (s *Session) Close() error { return s.session.Destroy() }

// Run computes all outputs, by name.
func (s *Session) Run(x []float32, shape ...int64) (_ map[string]Output, err error) {
	in, err := ort.NewTensor(ort.NewShape(shape...), x)
	if err != nil {
		return nil, fmt.Errorf("onnxruntime: %w", err)
	}
	defer in.Destroy()
	values := make([]ort.Value, len(s.outputs))
	defer func() {
		for _, v := range values {
			if v != nil {
				v.Destroy()
			}
		}
	}()
	if err := s.session.Run([]ort.Value{in}, values); err != nil {
		return nil, fmt.Errorf("onnxruntime: %w", err)
	}
	outputs := make(map[string]Output, len(values))
	for i, v := range values {
		o := Output{Shape: v.GetShape()}
		switch v := v.(type) {
		case *ort.Tensor[float32]:
			o.Floats = append(o.Floats, v.GetData()...)
		case *ort.Tensor[uint8]:
			o.Codes = append(o.Codes, v.GetData()...)
		default:
			return nil, fmt.Errorf("onnxruntime: output %s is a %T, want float32 or uint8", s.outputs[i], v)
		}
		outputs[s.outputs[i]] = o
	}
	return outputs, nil
}

// Dump returns the file of the graph that onnxruntime makes of a model.
func (r *Runtime) Dump(model []byte) ([]byte, error) {
	dir, err := os.MkdirTemp("", "qat-onnxruntime-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "optimized.onnx")
	s, err := r.Session(model, Options{Optimize: true, Threads: 1, Dump: file})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}
