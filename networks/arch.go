package networks

import (
	"fmt"
	"slices"
	"strings"
)

// Options are what a builder of the zoo leaves open.
type Options struct {
	Input   Shape
	Classes int
	Block   Block // of residual networks; "" is Basic
}

// Arch is an architecture of the zoo.
type Arch struct {
	Name   string
	Doc    string // in a line, with its source
	Blocks []Block
	build  func(Options) *Network
}

// Archs lists the zoo.
func Archs() []Arch {
	return []Arch{
		{"resnet20", "20 layers for CIFAR (He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2)", []Block{Basic, BiReal, ReActNet},
			func(o Options) *Network { return resnetCIFAR(o, 3) }},
	}
}

// ArchNames lists the names of the zoo.
func ArchNames() (names []string) {
	for _, a := range Archs() {
		names = append(names, a.Name)
	}
	return names
}

// Build returns the network of that name. What the architecture does not have, or an input that it does not fit, is an
// error.
func Build(name string, o Options) (*Network, error) {
	i := slices.IndexFunc(Archs(), func(a Arch) bool { return a.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("network %q is not built; available: %s", name, strings.Join(ArchNames(), ", "))
	}
	a := Archs()[i]
	if o.Block == "" {
		o.Block = Basic
	}
	if !slices.Contains(a.Blocks, o.Block) {
		return nil, fmt.Errorf("%s has no block %q; it has %v", name, o.Block, a.Blocks)
	}
	n := a.build(o)
	if _, err := n.Shapes(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}
