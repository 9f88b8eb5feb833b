package read

import (
	"testing"

	"github.com/qat-go/qat/networks"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	if _, err := Parse("", nil); err == nil {
		t.Error("no text is a network")
	}
	s := &Source{}
	if _, err := s.Build(networks.Shape{}, 0); err == nil {
		t.Error("no nodes are a network")
	}
	if len(s.Lines()) > 0 || s.Flow() != "{}" {
		t.Error("no network has lines")
	}
	ok, err := Parse("", []byte("nodes: [global_average_pool, {linear: {out: classes}}]"))
	if err != nil {
		t.Fatal(err)
	}
	for _, classes := range []int{0, -1} {
		if _, err := ok.Build(networks.Shape{H: 1, W: 1, C: 1}, classes); err == nil {
			t.Errorf("%d classes are no error", classes)
		}
	}
	if _, err := ok.Build(networks.Shape{}, 10); err == nil {
		t.Error("an image without pixels is no error")
	}
}
