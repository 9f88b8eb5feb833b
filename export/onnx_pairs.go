package export

import "math"

// Values of StoredWeights.Type.
const (
	KernelInt8  = "INT8"
	KernelUint8 = "UINT8"
)

// StoredWeights tells how the format onnx stores a layer's weights.
type StoredWeights struct {
	Layer string `json:"layer"`
	// Type is INT8 or UINT8: what onnxruntime's kernel reads. Weights of fewer
	// bits are stored smaller and cast to it.
	Type string `json:"type"`
	// Pair is the largest size that the sum of two products can have if the
	// weights are INT8.
	Pair int `json:"pair"`
}

// PairLimit is the largest Pair of INT8 weights that all processors add right.
// x86 without VNNI adds two products of UINT8 by INT8 in 16 bits, and cuts off
// what is beyond them; ARM without dot products adds in 16 bits, too. UINT8 by
// UINT8 takes an instruction that adds in 32 bits on all of them.
const PairLimit = math.MaxInt16

// Saturates tells that some processors may cut off a sum of two products.
func (s StoredWeights) Saturates() bool { return s.Type == KernelInt8 && s.Pair > PairLimit }

// widestPair is the largest size of the sum of two products of one output, for
// codes up to highest. It holds for any two weights, since which of them are
// neighbours is the kernel's choice, and for codes less 128, which ARM's kernels
// multiply.
func (w *symmetric) widestPair(highest uint8) int {
	widest := 0
	each := len(w.Codes) / len(w.Scale)
	for o := range w.Scale {
		var up, down [2]int // the two largest and the two smallest weights, if beyond 0
		for _, v := range w.Codes[o*each:][:each] {
			keep(&up, int(v))
			keep(&down, -int(v))
		}
		widest = max(widest, up[0]+up[1], down[0]+down[1])
	}
	return widest * max(int(highest), 128)
}

// keep puts v among the two largest.
func keep(largest *[2]int, v int) {
	if v > largest[0] {
		largest[0], largest[1] = v, largest[0]
	} else if v > largest[1] {
		largest[1] = v
	}
}
