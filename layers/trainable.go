package layers

import (
	"fmt"
	"strings"
)

// UntrainableError tells what of a network cannot be trained yet.
type UntrainableError struct {
	Causes []Cause // at least one
}

// Error implements error: one line.
func (e *UntrainableError) Error() string {
	var all []string
	for _, c := range e.Causes {
		all = append(all, fmt.Sprintf("%s (%s)", c.Reason, c.names()))
	}
	return "cannot be trained yet: " + strings.Join(all, "; ")
}

// Trainable tells whether the network can be trained; the error is an *UntrainableError if not.
func (n *Network) Trainable() error {
	if err := n.made(); err != nil {
		return err
	}
	e := &UntrainableError{}
	for _, l := range n.layers {
		k, ok := kinds[l.Op.Kind()]
		switch {
		case !ok:
			e.Causes = noted(e.Causes, l.Name, string(l.Op.Kind()))
		case k.lacks != nil:
			e.Causes = noted(e.Causes, l.Name, k.lacks(n.graph, l)...)
		}
	}
	if len(e.Causes) == 0 {
		return nil
	}
	return e
}
