package export

import (
	"fmt"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/internal/safetensors"
)

// Part is a part of a file, in the order of its bytes.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Reading says how files are read that may be damaged. The zero value refuses them.
type Reading struct {
	Force bool                             // read a damaged file all the same
	Note  func(format string, args ...any) // hears of damaged files, and of those too old to have a digest; may be nil
}

// Open reads a network that Write wrote as safetensors, and checks it. It tells where each byte of the file goes. The
// memory it takes is bounded by the size of the file, whatever is in it.
func Open(path string, r Reading) (*integer.Network, []Part, error) {
	data, err := regular.ReadIf(path, safetensors.MaxFile, safetensors.CheckHead)
	if err != nil {
		return nil, nil, err
	}
	f, err := safetensors.Reading(r).Parse(path, data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	net, err := decode(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	parts, header := []Part{{Name: "header"}}, int64(len(data))
	for _, t := range f.Tensors {
		parts = append(parts, Part{t.Name, int64(len(t.Data))})
		header -= int64(len(t.Data))
	}
	parts[0].Bytes = header
	return net, parts, nil
}
