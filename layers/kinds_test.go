package layers

import (
	"testing"

	"github.com/qat-go/qat/networks"
)

// Every kind of operation has a row, which trains it or says that it cannot, and there is none for another.
func TestKinds(t *testing.T) {
	known := map[networks.Kind]bool{}
	for _, op := range networks.Ops() {
		known[op.Kind()] = true
		k := kinds[op.Kind()]
		if k.plan == nil && (k.lacks == nil || len(k.lacks(nil, &layer{Node: networks.Node{Op: op}})) == 0) {
			t.Errorf("kind %s cannot be trained, and nothing says so", op.Kind())
		}
	}
	for kind := range kinds {
		if !known[kind] {
			t.Errorf("package networks has no kind %s", kind)
		}
	}
}
