package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/faults"
)

// metrics writes metrics.jsonl: one JSON object per logged step ("kind":
// "step"), per epoch ("kind": "epoch") and per stage of quant.schedule after the first ("kind": "stage").
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
	SizeBytes       *float64 `json:"size_bytes,omitempty"` // as bit widths are learned
	BitOps          *float64 `json:"bitops,omitempty"`
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
	Top5      float64  `json:"top5"`
}

// metricsLine is a line of the file as it stands there.
type metricsLine struct {
	Kind string
	Step int
	text []byte // without its newline
}

// readMetrics returns the lines in order, each step and each epoch once, and how many lines are no such line. The last line
// may lack its newline: then the process was killed behind it, or in it.
func readMetrics(data []byte) (lines []metricsLine, bad int) {
	last := map[string]int{}
	for text := range bytes.Lines(data) {
		l := metricsLine{text: bytes.TrimSuffix(text, []byte{'\n'})}
		if json.Unmarshal(l.text, &l) != nil || l.Kind != "step" && l.Kind != "epoch" && l.Kind != "stage" || l.Step <= last[l.Kind] || l.Step < last["step"] {
			bad++
			continue
		}
		last[l.Kind] = l.Step
		lines = append(lines, l)
	}
	return lines, bad
}

// openMetrics continues the file after the run's step. What a lost run wrote beyond it is dropped, and so is the line of an
// epoch that is still to be evaluated; what is missing is reported.
func (r *run) openMetrics() (*metrics, error) {
	path := r.path(MetricsFile)
	old, err := r.read(MetricsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines, bad := readMetrics(old)
	var kept bytes.Buffer
	there := map[metricsKey]bool{}
	for _, l := range lines {
		key := metricsKey{l.Kind, l.Step}
		if l.Step <= r.st.Step && !(key == r.pending()) && !(key == r.pendingStage()) {
			there[key] = true
			kept.Write(append(l.text, '\n'))
		}
	}
	r.reportMetrics(there, bad, old)
	if err := atomicfile.WriteBytes(path, kept.Bytes()); err != nil {
		return nil, err
	}
	if err := faults.At("open", path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	return &metrics{f, bufio.NewWriter(f)}, nil
}

// metricsKey names a line.
type metricsKey struct {
	kind string
	step int
}

// pending is the line of the epoch whose evaluation is missing in the checkpoint.
func (r *run) pending() metricsKey {
	if r.st.Seen > 0 && r.epochEnds() {
		return metricsKey{"epoch", r.st.Step}
	}
	return metricsKey{}
}

// pendingStage is the line of a stage that the checkpoint is not in yet.
func (r *run) pendingStage() metricsKey {
	if len(r.ends) > 0 && r.st.Step == r.ends[r.st.Stage] {
		return metricsKey{"stage", r.st.Step}
	}
	return metricsKey{}
}

// reportMetrics says which lines up to the run's step are missing, and how many could not be read; a line that was cut by
// a kill is none of them, as its step is taken again.
func (r *run) reportMetrics(there map[metricsKey]bool, bad int, old []byte) {
	var missing []string
	expect := func(kind string, step int) {
		if key := (metricsKey{kind, step}); !there[key] && key != r.pending() {
			missing = append(missing, fmt.Sprint(kind, " ", step))
		}
	}
	total, perEpoch := r.total(), r.perEpoch()
	for step := 1; step <= r.st.Step; step++ {
		if step == 1 || step%r.st.History.logEvery(step, r.Config.Train.LogEvery) == 0 || step == total {
			expect("step", step)
		}
		if step%perEpoch == 0 || step == total {
			expect("epoch", step)
		}
	}
	for _, s := range stagesUntil(r.Config, r.ends, r.st.Stage) {
		if s.Step > 0 {
			expect("stage", s.Step)
		}
	}
	if len(missing) == 0 && (bad == 0 || bad == 1 && !bytes.HasSuffix(old, []byte{'\n'})) {
		return
	}
	what := fmt.Sprintf("%d of its lines up to step %d are missing", len(missing), r.st.Step)
	if len(missing) > 0 {
		what += fmt.Sprintf(" (%s to %s)", missing[0], missing[len(missing)-1])
	}
	r.opt.Progress.Message("warning: %s is damaged: %s, %d cannot be read; it goes on with the others", r.path(MetricsFile), what, bad)
}

func (m *metrics) step(s StepInfo) error {
	l := stepLine{"step", s.Step, s.Epoch, s.Loss, s.Penalty, s.LR, s.ImagesPerSecond, nil, nil}
	if c := s.Costs; c != nil {
		l.SizeBytes, l.BitOps = &c.SizeBytes, &c.BitOps
	}
	return m.write(l)
}

func (m *metrics) epoch(step int, e EpochInfo) error {
	return m.write(epochLine{"epoch", step, e.Epoch, e.TrainLoss, e.TrainTop1, e.Penalty, e.Split, e.Top1, e.Top5})
}

func (m *metrics) stage(s Stage) error {
	return m.write(struct {
		Kind string `json:"kind"`
		Stage
	}{"stage", s})
}

func (m *metrics) write(v any) error {
	if err := faults.At("write", m.f.Name()); err != nil {
		return err
	}
	if err := json.NewEncoder(m.w).Encode(v); err != nil {
		return err
	}
	return m.w.Flush() // so that the file can be followed
}

func (m *metrics) flush() error {
	if err := faults.At("sync", m.f.Name()); err != nil {
		return err
	}
	return m.f.Sync()
}

func (m *metrics) close() error { return errors.Join(m.w.Flush(), m.f.Close()) }
