package estimators

import (
	"strings"
	"testing"
)

func TestRegister(t *testing.T) {
	whole := Method{Name: "mine", Weights: true, MinBits: 1, MaxBits: 4, Is: always(Traits{}), New: func(Spec) (Estimator, error) { return nil, nil }}
	ste := STEKind{Name: "mine", New: func(Options) (STE, error) { return nil, nil }}
	for _, tt := range []struct {
		want     string
		register func()
	}{
		{`registering the method "": wanted a name`, func() { m := whole; m.Name = ""; Register(m) }},
		{`registering the method "lsq": the name is taken`, func() { m := whole; m.Name = "lsq"; Register(m) }},
		{`registering the method "lsq@mine": wanted a name`, func() { m := whole; m.Name = "lsq@mine"; Register(m) }},
		{`registering the method "mine": New is nil`, func() { m := whole; m.New = nil; Register(m) }},
		{`registering the method "mine": Is is nil`, func() { m := whole; m.Is = nil; Register(m) }},
		{"neither weights nor activations", func() { m := whole; m.Weights = false; Register(m) }},
		{"0 to 4 bits", func() { m := whole; m.MinBits = 0; Register(m) }},
		{"1 to 17 bits", func() { m := whole; m.MaxBits = 17; Register(m) }},
		{"5 to 4 bits", func() { m := whole; m.MinBits = 5; Register(m) }},
		{"the default of option t is 2; expected 0 to 1", func() { m := whole; m.Options = []Option{{Name: "t", Default: 2, Max: 1}}; Register(m) }},
		{`option 1 has the name "t"`, func() { m := whole; m.Options = []Option{{Name: "t"}, {Name: "t"}}; Register(m) }},
		{`registering the gradient estimator "clipped": the name is taken`, func() { k := ste; k.Name = "clipped"; RegisterSTE(k) }},
		{`registering the gradient estimator "mine": New is nil`, func() { k := ste; k.New = nil; RegisterSTE(k) }},
		{`option 0 has the name ""`, func() { k := ste; k.Options = []Option{{}}; RegisterSTE(k) }},
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, tt.want) {
					t.Errorf("said %q, want %q", said, tt.want)
				}
			}()
			tt.register()
		}()
	}
}
