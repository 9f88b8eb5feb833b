// Package kernels holds the hot loops: convolution on floats and on small
// integers, batch-norm reductions, quantization, and element-wise passes, over
// plain slices. It knows nothing of graphs.
//
// # Layout
//
// Activations are NHWC, weights HWIO (kernel row, kernel column, input channel,
// output channel). Channels are the vector lanes.
//
// # The same bits everywhere
//
// A result does not depend on the number of threads nor on the instruction set.
// Each output element is one chain of fused multiply-adds in a fixed order
// (kernel row, kernel column, input channel); reductions over a batch are cut
// into partial sums of pictures by a rule that knows the geometry only, and
// partial sums are added in picture order.
// The portable code emulates the fused multiply-add exactly, so it agrees with
// the assembly bit for bit; the tests compare the two.
//
// # Choosing a path
//
// QAT_CPU=generic, avx2 or avx512 forces a path. Check reports a path that the
// CPU lacks; a program calls it first, so that nothing falls back silently. The
// build tag noasm leaves the assembly out.
package kernels
