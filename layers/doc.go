// Package layers is a network as a tree of layers. One description gives the
// training graph, the evaluation graph and the integer network: a layer knows
// how to build itself into a Gorgonia graph (Build) and how to lower itself to
// integers (Lower).
//
// Tensors are NHWC; weights are HWIO in memory and OIHW, as in PyTorch, in
// files.
package layers
