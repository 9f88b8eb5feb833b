// Package onnxruntime runs ONNX models with the shared library of onnxruntime
// (https://onnxruntime.ai) where qat is built with the tag onnxruntime, which
// takes cgo. Without the tag, [Open] fails with [ErrNotBuilt].
package onnxruntime

import (
	"errors"
	"os"
)

// ErrNotBuilt says that this program cannot load onnxruntime.
var ErrNotBuilt = errors.New("qat was built without the tag onnxruntime")

// Library returns the path of the shared library that $ONNXRUNTIME_LIB names;
// "" if none is.
func Library() string { return os.Getenv("ONNXRUNTIME_LIB") }

// Options are those of a session.
type Options struct {
	Optimize bool   // run the graph that onnxruntime makes of the model
	Threads  int    // within an operator; 0: all cores
	Dump     string // file for the optimized graph; "" writes none
}

// Output is one result: its shape, and its values in one of the types.
type Output struct {
	Shape  []int64
	Floats []float32
	Codes  []uint8
}
