package layers

import (
	"slices"
	"testing"
)

// Values behind a batch norm that gradients of max pooling, ReLU and sums read are computed again, not kept.
func TestRecomputed(t *testing.T) {
	var got []string
	for _, s := range newPlan(testContext(t, true), calibratedPooled(t, "quant.residual=fp").layers, nil).steps {
		if s.again {
			got = append(got, s.name)
		}
	}
	if want := []string{"bn1", "relu1", "bn3", "block.add", "bn4", "relu4", "bn5", "relu5"}; !slices.Equal(got, want) {
		t.Errorf("%q are computed again; want %q", got, want)
	}
}
