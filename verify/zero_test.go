package verify

import (
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/train"
)

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	for name, try := range map[string]func() error{
		"Certify nil":         func() error { _, err := Certify(t.Context(), nil, net, Options{}); return err },
		"Certify zero":        func() error { _, err := Certify(t.Context(), &train.Model{}, net, Options{}); return err },
		"Certify nil network": func() error { _, err := Certify(t.Context(), &train.Model{}, nil, Options{}); return err },
		"Certify no network": func() error {
			_, err := Certify(t.Context(), &train.Model{}, &integer.Network{}, Options{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
}
