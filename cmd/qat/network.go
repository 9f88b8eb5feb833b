package main

import "github.com/qat-go/qat/layers"

// integerForm tells whether a network that is not calibrated yet will run in
// integers; the error is a *layers.NotIntegerError if not. It changes the scales
// of n.
func integerForm(n *layers.Network) error {
	for _, q := range n.Quantizers {
		if !q.Calibrated() {
			for i := range q.Scale.Data() {
				q.Scale.Data()[i] = 1
			}
		}
	}
	_, err := n.Lower("")
	return err
}
