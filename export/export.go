// Package export writes integer networks in formats that other programs load, and
// reads safetensors back.
package export

import (
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
)

// format is one of the formats that networks are written in.
type format struct {
	name      configs.Format
	extension string // of the file's name, without the dot
	write     func(path string, net *integer.Network, o Options) error
	kinds     func() []string // of layers that it writes, or says why not
	// files lists what write leaves; nil is path alone.
	files func(path string) []string
}

// Options are choices of formats.
type Options struct {
	Opset   int                 // of onnx: version of ONNX's operators, one of Opsets; 0 is DefaultOpset
	Weights configs.ONNXWeights // of onnx; "" is auto
	Sums    configs.ONNXSums    // of onnx; "" is real
	Prefix  string              // of c: what names begin with; "" is qat
}

// formats has a line for each format; each is in a file of its own.
var formats = []*format{
	&safetensorsFormat,
	&onnxFormat,
	&qonnxFormat,
	&npzFormat,
	&cFormat,
}

// Formats lists the formats that Write writes.
func Formats() []configs.Format {
	names := make([]configs.Format, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

func find(name configs.Format) (*format, error) {
	for _, f := range formats {
		if f.name == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("format %q is not available; want one of %q", name, Formats())
}

// Extension returns the file name extension of a format, without the dot.
func Extension(name configs.Format) string {
	if f, err := find(name); err == nil {
		return f.extension
	}
	return string(name)
}

// Files returns the files that Write makes of path.
func Files(path string, name configs.Format) []string {
	if f, err := find(name); err == nil && f.files != nil {
		return f.files(path)
	}
	return []string{path}
}

// Write checks the network and writes it to path, each file whole or not at all. The
// same network and options give the same bytes.
func Write(path string, name configs.Format, net *integer.Network, o Options) error {
	f, err := find(name)
	if err == nil {
		err = check(f, net)
	}
	if err == nil {
		err = f.write(path, net, o)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Check reports what keeps a network from being written to path, so that none of several
// formats is written if one cannot be.
func Check(path string, name configs.Format, net *integer.Network, o Options) error {
	f, err := find(name)
	if err == nil {
		err = check(f, net)
	}
	if err == nil {
		switch name {
		case configs.ONNX, configs.QONNX:
			_, err = NewONNXModel(net, name, o)
		case configs.C:
			err = checkC(path, net, o)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// check reports what keeps a network from being written in a format.
func check(f *format, net *integer.Network) error {
	if err := net.Check(); err != nil {
		return err
	}
	if own := f.name.TargetFor(configs.Target(net.Target.String())); string(own) != net.Target.String() {
		return fmt.Errorf("format %s computes with target %v only, the network has %v", f.name, own, net.Target)
	}
	return checkNormalization(net)
}
