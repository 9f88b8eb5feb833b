package estimators

import (
	"errors"
	"fmt"

	"github.com/qat-go/qat/internal/registry"
)

// Observer is a calibration: it looks at batches of x, one after the other, and then tells the range that the levels
// should cover. It has state, and one goroutine uses it at a time.
type Observer interface {
	// Observe takes in one batch. It is an error if x is empty, not finite, or not divisible into the channels; what was
	// observed before then stays.
	Observe(x []float32) error

	// Range writes the lower and the upper end of the range that [NewCalibrated] turns into a scale and a zero point, for
	// the tensor or for each channel. It is an error if nothing has been observed.
	Range(lo, hi []float32) error
}

// Calibration is an observer that a config can name.
type Calibration struct {
	Name, Source, Doc string
	Options           []Option
	New               func(s CalibrationSpec) (Observer, error)
}

// CalibrationSpec is what a config says about one tensor that is calibrated.
type CalibrationSpec struct {
	Range          // the levels that will cover the range
	Scales    int  // 1, or one for each channel
	Symmetric bool // the zero point will be 0, as for weights in integer networks; the range is signed then
	Options   Options
}

var calibrations = registry.Registry[Calibration]{Kind: "calibration", Name: func(c Calibration) string { return c.Name }}

func registerCalibration(c Calibration) string { return calibrations.Add(c) }

// Calibrations returns all calibrations by name.
func Calibrations() []Calibration { return calibrations.All() }

// CalibrationNamed returns the calibration of that name.
func CalibrationNamed(name string) (Calibration, error) { return named(&calibrations, name) }

// check reports a range, a number of scales or an option that a calibration cannot have, and fills in the defaults of
// the options.
func (s *CalibrationSpec) check(options []Option) (err error) {
	if err := s.Range.Validate(); err != nil {
		return err
	}
	if s.Symmetric {
		if err := checkSymmetric(s.Range); err != nil {
			return err
		}
	}
	if s.Scales < 0 {
		return fmt.Errorf("%d scales; expected one, or one for each channel", s.Scales)
	}
	s.Options, err = optionValues(options, s.Options)
	return err
}

// NewCalibrated returns the static quantizer whose levels cover the ranges of an observer: those of [NewAffine], or if
// symmetric
//
//	s = max(-lo, hi)/Qp,  z = 0
//
// as for the weights of integer networks. s is at least [MinScale].
func NewCalibrated(r Range, symmetric bool, lo, hi []float32) (Affine, error) {
	a, err := NewAffine(r, lo, hi)
	if err != nil || !symmetric {
		return a, err
	}
	if err := checkSymmetric(r); err != nil {
		return Affine{}, prefixed("affine", err)
	}
	for c := range lo {
		a.Scale[c], a.ZeroPoint[c] = max(max(-lo[c], hi[c])/float32(r.Qp()), MinScale), 0
	}
	return a, nil
}

// checkSymmetric reports a range without a level on each side of 0.
func checkSymmetric(r Range) error {
	if !r.Signed || r.Qp() < 1 {
		return fmt.Errorf("symmetric levels of %d bits, signed %t; expected signed, 2 bits or more", r.Bits, r.Signed)
	}
	return nil
}

// checkObserved reports a batch that an observer refuses.
func checkObserved(x []float32, channels int) error {
	if channels < 1 || len(x)%channels != 0 {
		return fmt.Errorf("%d elements of x; expected a multiple of the %d channels", len(x), channels)
	}
	return checkStatistics(x)
}

// errNoObserver is that of an observer that is nil.
var errNoObserver = errors.New("there is nothing to observe with; want what New returns")

// checkRangeEnds reports ends of ranges that are not one for each channel, and a range of nothing.
func checkRangeEnds(lo, hi []float32, channels int, observed bool) error {
	if len(lo) != channels || len(hi) != channels {
		return fmt.Errorf("%d lower and %d upper ends of ranges; expected %d of each", len(lo), len(hi), channels)
	}
	if !observed {
		return errors.New("nothing was observed; expected a batch or more")
	}
	return nil
}

// makeSymmetric widens the ranges so that both ends are as far from 0.
func makeSymmetric(lo, hi []float32) {
	for c := range lo {
		hi[c] = max(hi[c], -lo[c])
		lo[c] = -hi[c]
	}
}
