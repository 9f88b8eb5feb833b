package export

import "github.com/qat-go/qat/configs"

// ExactOn tells on which processors programs other than qat compute a format's network
// with the integer network's logits, bit for bit: "" where on all, or where the file is
// data for a program of the reader's own, "none" where on none for certain.
func ExactOn(format configs.Format, o Options) string {
	switch {
	case format == configs.ONNX && o.Weights == configs.ONNXInt8: // whose products others may cut off
		return "x86 with VNNI"
	case format == configs.ONNX && o.Sums == configs.ONNXFused: // which onnxruntime rounds otherwise elsewhere
		return "x86 with AVX2 and FMA"
	case format == configs.QONNX: // sums of real numbers, in the processor's order
		return "none"
	}
	return ""
}
