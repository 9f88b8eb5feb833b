package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/estimators"
)

// activationCalibration lists the calibrations of activations.
var activationCalibration = enum[Calibration]{
	values:  slices.DeleteFunc(calibrations(), func(c Calibration) bool { return c == "lsq_plus" }),
	unbuilt: []Calibration{"batch_norm"},
	refused: map[Calibration]string{"lsq_plus": "it is the start of weights, symmetric about 0; on activations estimator lsq_plus starts from the least squared error with calibration: auto"},
}

// calibrations lists all of them.
func calibrations() []Calibration {
	names := []Calibration{CalibrateAuto, CalibrateLSQ}
	for _, c := range estimators.Calibrations() {
		names = append(names, Calibration(c.Name))
	}
	return names
}

var calibrationDocs = func() string {
	var docs []string
	for _, c := range estimators.Calibrations() {
		docs = append(docs, fmt.Sprintf("`%s` is %s", c.Name, c.Doc))
	}
	return strings.Join(docs, "; ") + "."
}()

var calibrationOptionDocs = func() string {
	var docs []string
	for _, c := range estimators.Calibrations() {
		for _, o := range c.Options {
			docs = append(docs, fmt.Sprintf("`%s` of `%s`, %s (%s)", o.Name, c.Name, o.Doc, formatFloat(o.Default)))
		}
	}
	return strings.Join(docs, "; ")
}()

func calibrationOptionNames() (names []string) {
	for _, c := range estimators.Calibrations() {
		for _, o := range c.Options {
			names = append(names, o.Name)
		}
	}
	slices.Sort(names)
	return names
}

// NewObserver returns the calibration that s names, for so many scales that cover a range; symmetric levels have the
// zero point 0. The calibration is none of auto and lsq, except that auto is the range of the data for a static method.
func (s TensorSpec) NewObserver(r estimators.Range, symmetric bool, scales int) (estimators.Observer, error) {
	name := s.Calibration
	if name == CalibrateAuto {
		name = CalibrateMinMax
	}
	c, err := estimators.CalibrationNamed(string(name))
	if err != nil {
		return nil, err
	}
	spec := estimators.CalibrationSpec{Range: r, Scales: scales, Symmetric: symmetric, Options: estimators.Options{}}
	for _, o := range s.CalibrationOptions {
		if !hasOption(c.Options, o.Name) {
			return nil, fmt.Errorf("%s has no option %q; it has %s", name, o.Name, optionNames(c.Options))
		}
		spec.Options[o.Name] = o.Value.From
	}
	return c.New(spec)
}

// calibrationFits reports a method that cannot start from the calibration, and options that it does not have.
func calibrationFits(s TensorSpec, weights bool) string {
	if s.Bits == FP || oneBitNeedsBinary(s, weights) != "" {
		return ""
	}
	if s.Calibration == CalibrateAuto || s.Calibration == CalibrateLSQ {
		switch {
		case len(s.CalibrationOptions) > 0:
			return fmt.Sprintf("calibration_options: %s has no effect with calibration: %s; remove it or name the calibration", s.CalibrationOptions[0].Name, s.Calibration)
		case s.Calibration == CalibrateAuto:
			return ""
		}
	}
	signed := weights || s.Signed == SignedTrue
	is, err := s.Traits(Place{Weights: weights, Signed: signed, Scales: 1})
	if err != nil {
		return "" // estimatorFits says it
	}
	if !is.Starts && !is.Static {
		return fmt.Sprintf("calibration: %s with estimator %s, which has a start of its own; set calibration: auto", s.Calibration, s.Estimator)
	}
	if s.Calibration == CalibrateLSQ {
		if is.Static {
			return fmt.Sprintf("calibration: lsq with estimator %s: that start is for learned scales; set calibration: min_max or another range", s.Estimator)
		}
		return ""
	}
	if _, err := s.NewObserver(s.Range(signed), signed, 1); err != nil {
		return "calibration: " + err.Error()
	}
	return ""
}

// Batch norm in training subtracts the batch's own mean, so no shift of it is left to correct.
func biasCorrectionWithoutTraining(c *Config) string {
	if c.Quant.BiasCorrection && c.Train.Trains() {
		return fmt.Sprintf("quant.bias_correction: true with %s: training finds the biases itself; remove it, or set train.epochs: 0", c.Train.length())
	}
	return ""
}

// length is the key that says how long training is, with its value.
func (t *Train) length() string {
	if t.Steps > 0 {
		return fmt.Sprintf("train.steps: %d", t.Steps)
	}
	return fmt.Sprintf("train.epochs: %d", t.Epochs)
}

func freezeNeedsTraining(c *Config) string {
	if c.Train.BatchNormFreeze.Value > 0 && !c.Train.Trains() {
		return fmt.Sprintf("train.batch_norm_freeze: %v has no effect with train.epochs: 0; remove it", c.Train.BatchNormFreeze)
	}
	return ""
}
