package train

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
)

// origin is what a run is made from, beside its config. A run goes on from the same only: its results are those of a run that
// was never interrupted.
type origin struct {
	Data map[string]string `json:"data"`           // SHA-256 of each split, as [datasets.Split.Checksum] has it
	Init string            `json:"init,omitempty"` // SHA-256 of the weights of model.init
	// SHA-256 of what quantizers have from there, if one has something.
	InitQuantizers string `json:"init_quantizers,omitempty"`
	Teacher        string `json:"teacher,omitempty"` // SHA-256 of the weights of quant.distillation.teacher
}

// newOrigin is that of this process, but for Init.
func (r *run) newOrigin() (o origin, err error) {
	o.Data = map[string]string{}
	for _, s := range []datasets.Split{r.Data.Train, r.Data.Validation, r.Data.Test} {
		if s.Len() > 0 {
			o.Data[s.Name] = s.Checksum()
		}
	}
	if r.Config.Quant.Distillation.On() {
		t, _, err := r.teacherModel()
		if err != nil {
			return o, err
		}
		o.Teacher = t.weightsDigest()
	}
	return o, nil
}

// weightsDigest is the SHA-256 of all that loadWeights loads, in hex.
func (m *Model) weightsDigest() string { return arraysDigest(m.starting()) }

func arraysDigest(arrays []*layers.Array) string {
	h := sha256.New()
	var b []byte
	for _, a := range arrays {
		fmt.Fprintf(h, "%s %d\n", a.Name, len(a.Data()))
		b = a.AppendFile(b[:0], a.Data())
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// differences names what is not the same now. What an earlier version did not record is not compared.
func (o origin) differences(now origin) []string {
	var all []string
	compare := func(what, then, now string) {
		if then != "" && then != now {
			all = append(all, fmt.Sprintf("%s (SHA-256 %.12s... then, %s now)", what, then, short(now)))
		}
	}
	for _, split := range slices.Sorted(maps.Keys(o.Data)) {
		compare("the "+split+" images", o.Data[split], now.Data[split])
	}
	compare("the weights of model.init", o.Init, now.Init)
	compare("what quantizers have from model.init", o.InitQuantizers, now.InitQuantizers)
	compare("the weights of quant.distillation.teacher", o.Teacher, now.Teacher)
	return all
}

func short(sum string) string {
	if sum == "" {
		return "none"
	}
	return fmt.Sprintf("%.12s...", sum)
}

// taken reports what keeps the directory from being this run's, before anything is made in it.
func (r *run) taken() error {
	_, err := os.Lstat(r.path(ConfigFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.strangers()
	case err != nil:
		return err
	case !r.opt.Resume:
		return fmt.Errorf("%w: %s; continue it with --resume, or choose another folder with --out", ErrExists, r.dir)
	}
	return nil
}

// strangers reports files in a directory without a config that are not of a run that was killed as it began. A checkpoint has
// the config of its run inside.
func (r *run) strangers() error {
	entries, err := os.ReadDir(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.Name() == LockFile || atomicfile.Temporary(e.Name()) {
			continue
		}
		if _, err := os.Stat(r.path(CheckpointFile)); err != nil || !r.opt.Resume {
			return fmt.Errorf("%w: %s is not empty and holds no run; choose another folder with --out", ErrExists, r.dir)
		}
	}
	return nil
}

// configDifference names the first line in which a resolved config differs from cfg. One that an earlier version wrote lacks
// the keys that came later; it is resolved anew.
func configDifference(saved string, cfg *configs.Config) string {
	if c, err := configs.Parse(ConfigFile, []byte(saved)); err == nil {
		saved = string(c.YAML())
	}
	a, b := strings.Split(saved, "\n"), strings.Split(string(cfg.YAML()), "\n")
	for i := range max(len(a), len(b)) {
		x, y := "", ""
		if i < len(a) {
			x = strings.TrimSpace(a[i])
		}
		if i < len(b) {
			y = strings.TrimSpace(b[i])
		}
		if x != y {
			return fmt.Sprintf("%q then, %q now", x, y)
		}
	}
	return ""
}

// resume goes to the last checkpoint; false says that there is none and the run begins.
func (r *run) resume() (bool, error) {
	if r.last == nil {
		return false, r.checkpointMissing()
	}
	path, f, st := r.path(CheckpointFile), r.last.file, r.last.state
	r.last = nil
	then, err := r.originOf(f)
	if err != nil {
		return false, err
	}
	if err := r.digestInit(then); err != nil {
		return false, err
	}
	if diff := then.differences(r.origin); len(diff) > 0 {
		what := strings.Join(diff, ", ")
		if changes := r.dataChanges(); !maps.Equal(then.Data, r.origin.Data) && len(changes) > 0 {
			what += ": " + strings.Join(changes, ", ")
		}
		return false, fmt.Errorf("%w: %s was made from something else: %s; go on with what it was made from, or choose another folder with --out",
			ErrExists, path, what)
	}
	if err := r.extend(&st); err != nil {
		return false, err
	}
	err = st.fits(r.Config)
	if err == nil {
		err = st.fitsStages(r.ends)
	}
	if err == nil {
		_, err = st.given(r.Config)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if total := r.total(); r.Config.Train.Trains() && st.Total != total {
		return false, fmt.Errorf("%s: it is at step %d of %d, the run has %d steps", path, st.Step, st.Total, total)
	}
	if err := r.restore(path, f, st, true); err != nil {
		return false, err
	}
	r.st, r.init, r.optimizer.Updates = st, cmp.Or(r.before, r.Config.Model.Init), st.Step
	if st.FloorHits != nil {
		r.optimizer.FloorHits = st.FloorHits
	}
	return true, nil
}

// checkpointMissing reports a run that had a checkpoint, which is gone; to begin anew would replace what is left of it.
func (r *run) checkpointMissing() error {
	data, err := r.read(MetricsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines, _ := readMetrics(data)
	every := r.Config.Train.CheckpointEvery.Steps(r.perEpoch(), r.Config.Train.Total(r.perEpoch()))
	if n := len(lines); n > 0 && lines[n-1].Step > every {
		return fmt.Errorf("%w: %s is missing, though %s goes on to step %d; put it back, or choose another folder with --out",
			ErrExists, r.path(CheckpointFile), MetricsFile, lines[n-1].Step)
	}
	return nil
}

// originOf is what a checkpoint was made from.
func (r *run) originOf(f *safetensors.File) (o origin, err error) {
	if text, ok := f.Metadata[originKey]; ok {
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return o, fmt.Errorf("%s: metadata %q: %w", r.path(CheckpointFile), originKey, err)
		}
		return o, nil
	}
	// An earlier version recorded the data, in the manifest.
	m, err := ReadManifest(r.dir)
	if err != nil {
		r.opt.Progress.Message("warning: it is not known which data %s was made from: %v", r.path(CheckpointFile), err)
		return o, nil
	}
	o.Data = m.SHA256
	return o, nil
}

// digestInit takes the digests of what model.init gives now. What the run began with is in its checkpoint, so the file may be
// gone: then it is what it was.
func (r *run) digestInit(then origin) error {
	if r.Config.Model.Init == configs.RandomInit {
		return nil
	}
	m, err := r.Model.with(r.Config.InStage(0))
	if err != nil {
		return err
	}
	_, err = m.initial()
	if errors.Is(err, fs.ErrNotExist) {
		r.origin.Init, r.origin.InitQuantizers = then.Init, then.InitQuantizers
		return nil
	}
	r.origin.Init, r.origin.InitQuantizers = m.weightsDigest(), m.quantizersDigest()
	return err
}
