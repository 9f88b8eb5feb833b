package export

import "github.com/qat-go/qat/configs"

// ExactOn tells on which processors programs other than qat compute a format's network
// with the integer network's logits, bit for bit: "" where on all, or where the file is
// data for a program of the reader's own, "none" where on none for certain.
func ExactOn(format configs.Format) string {
	switch format {
	case configs.ONNX: // whose residual sums onnxruntime rounds otherwise elsewhere
		return "x86 with AVX2 and FMA"
	case configs.QONNX: // sums of real numbers, in the processor's order
		return "none"
	}
	return ""
}
