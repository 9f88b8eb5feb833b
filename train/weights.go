package train

import (
	"fmt"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/internal/torchfile"
	"github.com/qat-go/qat/layers/pretrained"
)

// dict is a dict of named tensors in a file of weights.
type dict struct {
	key     string // that leads to it, several joined by dots; "" if the file is the dict
	tensors []named
	config  string // of a checkpoint of qat
	state   string // of it, in JSON
}

// named is a tensor of a file. Its values are read when they are asked for.
type named struct {
	name   string
	shape  []int // nil if the tensor is of a kind that cannot be read; values tells why
	values func() ([]float32, error)
}

// readWeights returns the dicts of tensors in a file, whose content tells of what
// format it is: PyTorch's, safetensors, or a checkpoint of qat.
func readWeights(from string, r Reading) ([]dict, error) {
	if name, ok := strings.CutPrefix(from, configs.EmbeddedInit); ok {
		data, err := pretrained.Read(name)
		if err != nil {
			return nil, err
		}
		return parseWeights(from, data, r)
	}
	if err := checkWeights(from); err != nil {
		return nil, err
	}
	data, err := regular.ReadIf(from, safetensors.MaxFile, expectWeights)
	if err != nil {
		return nil, err
	}
	dicts, err := parseWeights(from, data, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return dicts, nil
}

// checkWeights says what a file is that cannot hold weights, by its beginning and its size.
func checkWeights(path string) error {
	const want = "trained weights: a PyTorch file, safetensors or a checkpoint of qat"
	if _, err := filetype.Check(path, want, filetype.PyTorch, filetype.Safetensors, filetype.Float, filetype.Checkpoint, filetype.Archive, filetype.Unknown); err != nil {
		return err
	}
	return regular.LookIf(path, safetensors.MaxFile, expectWeights)
}

func expectWeights(head []byte, size int64) error {
	if torchfile.Is(head) {
		return nil
	}
	return safetensors.CheckHead(head, size)
}

func parseWeights(path string, data []byte, r Reading) ([]dict, error) {
	if torchfile.Is(data) {
		found, err := torchfile.Parse(data)
		if err != nil {
			return nil, err
		}
		dicts := make([]dict, len(found))
		for i, d := range found {
			dicts[i].key = d.Path
			for _, t := range d.Tensors {
				dicts[i].tensors = append(dicts[i].tensors, named{t.Name, t.Shape, t.Float32s})
			}
		}
		return dicts, nil
	}
	f, err := safetensors.Reading(r).Parse(path, data)
	if err != nil {
		return nil, err
	}
	var d dict
	if f.Metadata["format"] == checkpointFormat {
		d.config, d.state = f.Metadata["config"], f.Metadata["state"]
		if f.Metadata["version"] != checkpointVersion {
			rename(f)
		}
	}
	preferAverages(f)
	for _, t := range f.Tensors {
		d.tensors = append(d.tensors, named{t.Name, t.Shape, func() ([]float32, error) { return f.Float32s(t.Name) }})
	}
	return []dict{d}, nil
}
