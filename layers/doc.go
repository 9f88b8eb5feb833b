// Package layers puts networks into Gorgonia graphs and into integers.
//
// A [Network] is a network as a value (package networks) with its arrays, and with quantizers where package quantize
// places them. To train or to evaluate it, it becomes a plan: a list of operations in order, which rewrites put together,
// several into one. The integer network follows from the plan of evaluation, so that both compute the same.
//
// A kind of operation is a file, named after it, and a row of kinds. A rewrite is a file, named fuse_ and what it makes, or
// after what evaluation computes (fold, add_codes), and a row of the lists in rewrite.go.
//
// Tensors are NHWC; weights are HWIO in memory and OIHW, as in PyTorch, in files.
package layers
