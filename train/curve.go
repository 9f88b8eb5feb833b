package train

import (
	"encoding/json"
	"path/filepath"

	"github.com/qat-go/qat/internal/regular"
)

// EpochPoint is an epoch as metrics.jsonl has it.
type EpochPoint struct {
	Epoch     int     `json:"epoch"`
	TrainLoss float64 `json:"train_loss"`
	TrainTop1 float64 `json:"train_top1"`
	Split     string  `json:"split"` // that Top1 and Top5 are measured on
	Top1      float64 `json:"top1"`
	Top5      float64 `json:"top5,omitempty"` // a run of an earlier version has none
}

// ReadCurve reads the epochs of a run's directory, in order.
func ReadCurve(dir string) ([]EpochPoint, error) {
	text, err := regular.Read(filepath.Join(dir, MetricsFile), maxFile)
	if err != nil {
		return nil, err
	}
	lines, _ := readMetrics(text)
	var all []EpochPoint
	for _, l := range lines {
		var p EpochPoint
		if l.Kind == "epoch" && json.Unmarshal(l.text, &p) == nil {
			all = append(all, p)
		}
	}
	return all, nil
}
