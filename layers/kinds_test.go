package layers

import (
	"testing"

	"github.com/qat-go/qat/networks"
)

// Every kind of operation has a row, and there is none for another.
func TestKinds(t *testing.T) {
	known := map[networks.Kind]bool{}
	for _, op := range networks.Ops() {
		known[op.Kind()] = true
		if k, ok := kinds[op.Kind()]; !ok || k.plan == nil {
			t.Errorf("kind %s cannot be trained", op.Kind())
		}
	}
	for kind := range kinds {
		if !known[kind] {
			t.Errorf("package networks has no kind %s", kind)
		}
	}
}
