//go:build !onnxruntime

package onnxruntime

// Built reports whether this program can load onnxruntime.
const Built = false

// Runtime is the loaded library; without the tag onnxruntime there is none.
type Runtime struct{}

// Open fails.
func Open(string) (*Runtime, error) { return nil, ErrNotBuilt }

// Version returns the version of the library.
func (*Runtime) Version() string { return "" }

// Close unloads the library.
func (*Runtime) Close() error { return nil }

// Session is a model that is ready to run.
type Session struct{}

// Session fails.
func (*Runtime) Session([]byte, Options) (*Session, error) { return nil, ErrNotBuilt }

// Close frees the session.
func (*Session) Close() error { return nil }

// Run fails.
func (*Session) Run([]float32, ...int64) (map[string]Output, error) { return nil, ErrNotBuilt }

// Dump fails.
func (*Runtime) Dump([]byte) ([]byte, error) { return nil, ErrNotBuilt }
