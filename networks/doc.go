// Package networks describes a network as a value: nodes in order, each an operation with its attributes and the
// names of the nodes that it reads. Shapes, arrays, parameters and costs follow from it alone, without data.
//
// The package also holds the zoo: one builder for each family of architectures, see [Build].
//
// Shapes are those of one example; nothing here depends on the batch.
package networks
