package kernels

// The passes over one picture or a part of it, on the calling goroutine. They
// are what loops are made of.

// ReLURow computes y = max(x, 0). NaN gives 0. y may be x.
func ReLURow(y, x []float32) { reluRow(y, x) }

// ReLUGradRow computes dx = dy where y > 0, else 0. dx may be dy.
func ReLUGradRow(dx, y, dy []float32) { reluGradRow(dx, y, dy) }

// ReLU6Row computes y = min(max(x, 0), 6). NaN stays. y may be x.
func ReLU6Row(y, x []float32) { relu6Row(y, x) }

// ReLU6GradRow computes dx = dy where 0 < y < 6, else 0. dx may be dy.
func ReLU6GradRow(dx, y, dy []float32) { relu6GradRow(dx, y, dy) }

// AddRow computes y = a + b. y may be a or b.
func AddRow(y, a, b []float32) { addRow(y, a, b) }

// AffineRow computes y[i] = x[i]*a[c] + b[c] with one rounding, c = i mod len(a).
func AffineRow(y, x, a, b []float32) { affineRow(y, x, a, b) }

// Affine2Row computes y[i] = g[i]*a[c] + (x[i]*b[c] + d[c]), each step with one
// rounding. y may be g.
func Affine2Row(y, g, x, a, b, d []float32) { affine2Row(y, g, x, a, b, d) }

// QuantizeRow writes the codes of x.
func QuantizeRow(codes []uint8, x []float32, q *Uniform) { quantizeRow(codes, x, q) }

// readTogether is how many elements are quantized while they are in cache.
const readTogether = 1 << 11

// QuantizeNumbers is QuantizeRow that tells whether none of x is NaN, whose code stands for nothing.
func QuantizeNumbers(codes []uint8, x []float32, q *Uniform) bool {
	numbers := true
	for len(x) > 0 {
		n := min(readTogether, len(x))
		numbers = numbers && !anyNaN(x[:n])
		quantizeRow(codes[:n], x[:n], q)
		codes, x = codes[n:], x[n:]
	}
	return numbers
}

// DequantizeRow writes y = Scale * (code - ZeroPoint).
func DequantizeRow(y []float32, codes []uint8, q *Uniform) {
	dequantizeRow(y, codes, q.ZeroPoint, q.Scale)
}
