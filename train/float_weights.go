package train

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/digest"
	"github.com/qat-go/qat/internal/safetensors"
)

// A file of float weights is a safetensors file with what a file of weights gives a network, by PyTorch's names and in its
// order of axes, and this metadata:
//
//	format   "qat.float"
//	version  "1"
//	config   the resolved YAML
//	qat.digest  see package digest
const (
	floatFormat  = "qat.float"
	floatVersion = "1"
)

// FloatExport describes the float weights that [Model.WriteFloat] writes to path.
func FloatExport(path string) Exported {
	return Exported{Format: configs.Safetensors, Files: []string{path}, Target: "float"}
}

// WriteFloat writes the network's float weights, as they are before quantization, and its running statistics, so that
// PyTorch loads them as a state dict with strict=True: that wants num_batches_tracked of each batch norm, which is 0.
func (m *Model) WriteFloat(path string) error {
	if err := m.check(); err != nil {
		return err
	}
	f := &safetensors.File{Metadata: map[string]string{
		"format": floatFormat, "version": floatVersion, "config": string(m.Config.YAML()), digest.Key: ""}}
	for _, a := range m.starting() {
		f.Tensors = append(f.Tensors, safetensors.NewTensor(a.Name, a.FileShape(), a.ToFile(a.Data())))
		if norm, ok := strings.CutSuffix(a.Name, ".running_var"); ok {
			f.Tensors = append(f.Tensors, safetensors.NewTensor(norm+tracked, nil, []int64{0}))
		}
	}
	return safetensors.WriteFile(path, f)
}

// tracked ends the name of the batches that PyTorch's batch norm has seen.
const tracked = ".num_batches_tracked"

// FloatWeights is what a file of float weights holds.
type FloatWeights struct {
	Experiment
	Tensors []FloatTensor `json:"tensors"`
	Params  int           `json:"params"` // elements of them, num_batches_tracked not counted
}

// FloatTensor is an array of such a file.
type FloatTensor struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	Bytes int    `json:"bytes"`
}

// OpenFloat reads a file that [Model.WriteFloat] wrote.
func OpenFloat(path string, r Reading) (*FloatWeights, error) {
	f, err := safetensors.Reading(r).File(path)
	if err != nil {
		return nil, err
	}
	if got := f.Metadata["format"] + " " + f.Metadata["version"]; got != floatFormat+" "+floatVersion {
		return nil, fmt.Errorf("%s: metadata \"format\" and \"version\" are %s; this program reads %s %s", path, strconv.Quote(got), floatFormat, floatVersion)
	}
	cfg, err := configs.Parse(path, []byte(f.Metadata["config"]))
	if err != nil {
		return nil, fmt.Errorf("%s: the config inside is not valid for this version: %w", path, err)
	}
	w := &FloatWeights{Experiment: ExperimentOf(cfg)}
	for _, t := range f.Tensors {
		if strings.HasSuffix(t.Name, tracked) {
			continue
		}
		w.Tensors = append(w.Tensors, FloatTensor{t.Name, t.Shape, len(t.Data)})
		w.Params += len(t.Data) / t.Dtype.Size()
	}
	return w, nil
}
