package configs

import (
	"testing"

	"github.com/qat-go/qat/estimators"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	for name, try := range map[string]func() error{
		"Load":          func() error { _, err := Load("", nil); return err },
		"Load override": func() error { _, err := Load("quickstart", []string{""}); return err },
		"Parse":         func() error { _, err := Parse("", nil); return err },
		"ParseDuration": func() error { _, err := ParseDuration(""); return err },
		"ParseGlob":     func() error { _, err := ParseGlob(""); return err },
		"NewEstimator":  func() error { _, err := TensorSpec{}.NewEstimator(Place{}, 0); return err },
		"NewObserver":   func() error { _, err := TensorSpec{}.NewObserver(estimators.Range{}, false, 0); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
	c := &Config{} // what a program fills in itself is checked where it is used
	c.YAML()
	c.AnnotatedYAML()
	c.Settings()
	c.References()
	c.Origin("")
	c.Mistake("", "")
	c.LayerNames()
	c.Quant.Resolve("", true, true)
	(Regularizer{}).Unfit("", 0)
	(Regularizer{}).At(0)
	(Override{}).Apply(TensorSpec{})
	(Glob{}).Match("")
	_ = (Glob{}).String() + (Decay{}).String() + (Duration{}).String() + (Pos{}).String() + (Error{}).Error() + (ErrorList{}).Error()
	(Duration{}).Steps(0, 0)
	Format("").TargetFor("")
	KeyFor("")
}
