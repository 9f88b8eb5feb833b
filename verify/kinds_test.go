package verify

import (
	"testing"

	"github.com/qat-go/qat/integer"
)

// The operators of onnxruntime are told for every kind of layer.
func TestKernelsOfKinds(t *testing.T) {
	kinds := integer.Kinds()
	for _, kind := range kinds {
		if _, ok := integerKernels[kind]; !ok {
			t.Errorf("no row for kind %s", kind)
		}
	}
	if len(integerKernels) != len(kinds) {
		t.Errorf("%d rows for the kinds %q", len(integerKernels), kinds)
	}
}
