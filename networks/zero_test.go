package networks_test

import (
	"testing"

	"github.com/qat-go/qat/networks"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	for name, try := range map[string]func() error{
		"Build":         func() error { _, err := networks.Build("", networks.Options{}); return err },
		"Build options": func() error { _, err := networks.Build("resnet20", networks.Options{}); return err },
		"Build classes": func() error {
			_, err := networks.Build("resnet20", networks.Options{Input: networks.Shape{H: 32, W: 32, C: 3}})
			return err
		},
		"Shapes zero": func() error { _, err := (&networks.Network{}).Shapes(); return err },
		"Shapes nil op": func() error {
			_, err := (&networks.Network{Input: networks.Shape{H: 1, W: 1, C: 1}, Nodes: []networks.Node{{Name: "x"}}}).Shapes()
			return err
		},
		"Table zero": func() error { _, err := (&networks.Network{}).Table(); return err },
		"Table nil":  func() error { _, err := (*networks.Network)(nil).Table(); return err },
		"Shapes nil": func() error { _, err := (*networks.Network)(nil).Shapes(); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
}
