package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/qat-go/qat/internal/atomicfile"
)

// metrics writes metrics.jsonl: one JSON object per logged step ("kind":
// "step") and per epoch ("kind": "epoch").
type metrics struct {
	f *os.File
	w *bufio.Writer
}

type stepLine struct {
	Kind            string   `json:"kind"`
	Step            int      `json:"step"`
	Epoch           int      `json:"epoch"`
	Loss            float64  `json:"loss"`
	Penalty         *float64 `json:"penalty,omitempty"`
	LR              float64  `json:"lr"`
	ImagesPerSecond float64  `json:"images_per_second"`
}

type epochLine struct {
	Kind      string   `json:"kind"`
	Step      int      `json:"step"`
	Epoch     int      `json:"epoch"`
	TrainLoss float64  `json:"train_loss"`
	TrainTop1 float64  `json:"train_top1"`
	Penalty   *float64 `json:"penalty,omitempty"`
	Split     string   `json:"split"`
	Top1      float64  `json:"top1"`
}

// openMetrics continues the file after the given step; what a lost run wrote
// beyond it is dropped.
func openMetrics(path string, step int) (*metrics, error) {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var kept bytes.Buffer
	for line := range bytes.Lines(old) {
		var l struct{ Step int }
		if json.Unmarshal(line, &l) == nil && l.Step >= 1 && l.Step <= step {
			kept.Write(line)
		}
	}
	if err := atomicfile.WriteBytes(path, kept.Bytes()); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	return &metrics{f, bufio.NewWriter(f)}, nil
}

func (m *metrics) step(s StepInfo) error {
	return m.write(stepLine{"step", s.Step, s.Epoch, s.Loss, s.Penalty, s.LR, s.ImagesPerSecond})
}

func (m *metrics) epoch(step int, e EpochInfo) error {
	return m.write(epochLine{"epoch", step, e.Epoch, e.TrainLoss, e.TrainTop1, e.Penalty, e.Split, e.Top1})
}

func (m *metrics) write(v any) error {
	if err := json.NewEncoder(m.w).Encode(v); err != nil {
		return err
	}
	return m.w.Flush() // so that the file can be followed
}

func (m *metrics) flush() error { return m.f.Sync() }

func (m *metrics) close() error { return errors.Join(m.w.Flush(), m.f.Close()) }
