package estimators_test

import (
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// unnamed has a parameter without a name, and codes in the wrong order.
type unnamed struct{ estimators.LSQ }

func (unnamed) Params() []estimators.Learned { return []estimators.Learned{{Len: 1}} }

type reversed struct{ estimators.LSQ }

func (reversed) Qn() int { return 80 }

// What a method declares and cannot be is told, with what it takes.
func TestTraitsCheck(t *testing.T) {
	lsq, hwgq := estimators.LSQ{Range: estimators.Range{Bits: 4}}, estimators.HWGQ{}
	scale := []string{"scale"}
	for _, c := range []struct {
		is   estimators.Traits
		est  estimators.Estimator
		want string
	}{
		{estimators.Traits{Levels: estimators.Even, Learned: scale}, lsq, ""},
		{estimators.Traits{Levels: estimators.Even}, nil, "there is no estimator"},
		{estimators.Traits{Levels: estimators.Even}, hwgq, "which takes an Integer, and is a estimators.HWGQ"},
		{estimators.Traits{Levels: estimators.Table, Learned: scale}, lsq, "which takes a Codebook"},
		{estimators.Traits{Learned: scale}, lsq, "it is an Integer, and does not declare"},
		{estimators.Traits{Levels: estimators.Even, Learned: scale, State: scale}, lsq, "which takes a Stateful"},
		{estimators.Traits{Levels: estimators.Table, Starts: true}, hwgq, "which takes a Startable"},
		{estimators.Traits{Levels: estimators.Even, Learned: scale, Random: true}, lsq, "which takes a Random"},
		{estimators.Traits{Levels: estimators.Even, Learned: scale, Noisy: true}, lsq, "which takes a Random"},
		{estimators.Traits{Levels: estimators.Table, Form: estimators.Plain}, hwgq, "which takes a Scaled"},
		{estimators.Traits{Levels: estimators.Signs, Learned: scale, Form: estimators.Plain}, lsq, "which takes even levels"},
		{estimators.Traits{Levels: estimators.Even, Learned: scale, Static: true}, lsq, "which takes a Stateful of the form Plain"},
		{estimators.Traits{Levels: 99, Learned: scale}, lsq, "it declares levels 99"},
		{estimators.Traits{Levels: estimators.Even, Learned: scale, Form: 99}, lsq, "form 99"},
		{estimators.Traits{Levels: estimators.Even, Learned: []string{"alpha"}}, lsq, `it learns ["scale"], and declares ["alpha"]`},
		{estimators.Traits{Levels: estimators.Even, Learned: []string{""}}, unnamed{lsq}, "wanted names of their own"},
		{estimators.Traits{Levels: estimators.Even, Learned: scale}, reversed{lsq}, "from Qn = 80 to Qp = 15; wanted the lower one first"},
	} {
		err := c.is.Check(estimators.Spec{Scales: 1}, c.est)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T, %+v: %v; want %q", c.est, c.is, err, c.want)
		}
	}
}
