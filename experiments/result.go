package experiments

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/train"
)

// Result is what a run measured, as a file of a few kilobytes. Accuracies are shares of 1.
type Result struct {
	Format string            `json:"format"` // resultFormat
	Table  string            `json:"table"`
	Cell   map[string]string `json:"cell,omitempty"` // axis: value; absent of a float twin
	Name   string            `json:"name"`
	Seed   uint64            `json:"seed"`

	ConfigSHA256 string `json:"config_sha256"` // see Run.Hash
	Config       string `json:"config"`        // resolved, YAML

	Version    string            `json:"version"` // and commit
	Go         string            `json:"go"`
	Platform   string            `json:"platform"`
	CPU        string            `json:"cpu"`
	KernelPath string            `json:"kernel_path"`
	Threads    int               `json:"threads"`
	Dataset    string            `json:"dataset"`
	SHA256     map[string]string `json:"sha256"` // of each split
	Finished   time.Time         `json:"finished"`

	Length     string `json:"length"`      // of training: 20ep, or 5000it
	FullLength string `json:"full_length"` // that the table wants, of which a budget left Length
	Steps      int    `json:"steps"`       // trained

	// Test is the accuracy of the integer network, or of the simulation if there is none (Mode: integer, simulate): of the
	// epoch that the validation images chose, or of the last one.
	Test       float64 `json:"test_top1"`
	Mode       string  `json:"mode"`
	NotInteger string  `json:"not_integer,omitempty"`
	Chosen     string  `json:"chosen"` // best, last
	LastTest   float64 `json:"last_test_top1"`
	Simulated  float64 `json:"last_simulated_top1"`
	Validation float64 `json:"best_validation_top1,omitempty"`
	BestEpoch  int     `json:"best_epoch,omitempty"`
	// Initial is the float network that the run began with, Calibrated its quantized form before training.
	Initial    *float64 `json:"float_top1,omitempty"`
	Calibrated *float64 `json:"calibrated_top1,omitempty"`

	TrainLoss       float64 `json:"train_loss"`
	Seconds         float64 `json:"seconds"` // of the process that finished it
	ImagesPerSecond float64 `json:"images_per_second"`
	TestImages      int     `json:"test_images"`
	SizeBytes       int64   `json:"size_bytes"`
	BitOps          int64   `json:"bitops"`

	Curve []train.EpochPoint `json:"curve,omitempty"`
}

const resultFormat = "qat.result.1"

// The folders of a table.
const (
	resultsFolder = "results"
	runsFolder    = "runs"
)

const maxResult = 4 << 20 // bytes; the config has a network inside

// write puts the result into the table's folder.
func (res *Result) write(dir string, r *Run) error {
	js, err := json.MarshalIndent(res, "", "  ")
	if err != nil {
		return err
	}
	results := filepath.Join(dir, resultsFolder)
	if err := os.MkdirAll(results, 0o777); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(results, r.File()+".json"), append(js, '\n'))
}

// readResults reads the results of a table's folder, by their config's hash.
func readResults(dir string) (map[string]*Result, error) {
	all := map[string]*Result{}
	results := filepath.Join(dir, resultsFolder)
	entries, err := os.ReadDir(results)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".json" {
			continue
		}
		res, err := readResult(filepath.Join(results, e.Name()))
		if err != nil {
			return nil, err
		}
		if other, twice := all[res.ConfigSHA256]; twice && other.Finished.After(res.Finished) {
			continue
		}
		all[res.ConfigSHA256] = res
	}
	return all, nil
}

func readResult(path string) (*Result, error) {
	text, err := regular.Read(path, maxResult)
	if err != nil {
		return nil, err
	}
	var res Result
	why := ""
	if err := json.Unmarshal(text, &res); err != nil {
		why = err.Error()
	} else if res.Format != resultFormat {
		why = fmt.Sprintf("wanted the format %s, found %q", resultFormat, res.Format)
	} else if len(res.ConfigSHA256) != 2*sha256.Size || !(res.Test >= 0 && res.Test <= 1) {
		why = "its config_sha256 or test_top1 is missing, or cannot be"
	}
	if why != "" {
		return nil, asMistake(fmt.Errorf("%s: it is no result of a run (%s); remove it, and the run is made again", path, why))
	}
	return &res, nil
}

// Known returns the result of each run, nil of one that has none.
func Known(dir string, runs []*Run) ([]*Result, error) {
	if err := checkRuns(runs); err != nil {
		return nil, err
	}
	results, err := readResults(dir)
	if err != nil {
		return nil, err
	}
	all := make([]*Result, len(runs))
	for i, r := range runs {
		all[i] = results[r.Hash]
	}
	return all, nil
}

// differs says that a result is of another version, and whose the wanted one is; "" if it is of that.
func (res *Result) differs(whose, version string) string {
	if res.Version == version {
		return ""
	}
	return fmt.Sprintf("of version %s, %s %s", res.Version, whose, version)
}

// checksums remembers the first checksum of each split of each data set that results were made with.
type checksums map[string]string

// differ says which images of a run are not those of runs before it with the same data; "" if all are. Which images are held out
// depends on the seed.
func (m checksums) differ(r *Run, res *Result) string {
	var of strings.Builder
	for _, s := range r.Config.Settings() {
		if strings.HasPrefix(s.Key, "data.") && !isIdle(s.Key) {
			fmt.Fprintf(&of, "%s: %s\n", s.Key, s.Value)
		}
	}
	var splits []string
	for _, split := range slices.Sorted(maps.Keys(res.SHA256)) {
		key := split + " " + of.String()
		if split != "test" {
			key = fmt.Sprint(r.Seed, " ", key)
		}
		switch first, known := m[key]; {
		case !known:
			m[key] = res.SHA256[split]
		case first != res.SHA256[split]:
			splits = append(splits, split)
		}
	}
	if len(splits) == 0 {
		return ""
	}
	return fmt.Sprintf("of other data than the other results (%s images)", strings.Join(splits, " and "))
}
