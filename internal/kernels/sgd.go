package kernels

// SGD is a step of stochastic gradient descent with momentum.
type SGD struct {
	LR, Momentum, Decay float32
	Clip                float32 // the gradient's factor; 1 without clipping
	Nesterov            bool
}

// Row updates the weights w and the velocity v with the gradient g, each step rounded to float32:
//
//	d = Clip*g + Decay*w;  v = Momentum*v + d;  w -= LR*v   (Nesterov: LR*(d + Momentum*v))
//
// It stops at the first element whose new weight is not finite, leaves it as it was, and returns its index; -1 if there
// is none.
func (q *SGD) Row(w, v, g []float32) int {
	v, g = v[:len(w)], g[:len(w)]
	done := sgdRow(q, w, v, g)
	if i := sgdRowGeneric(q, w[done:], v[done:], g[done:]); done+i < len(w) {
		return done + i
	}
	return -1
}

// sgdRowGeneric returns how many elements are done.
func sgdRowGeneric(q *SGD, w, v, g []float32) int {
	for i, x := range w {
		d := float32(g[i]*q.Clip) + float32(q.Decay*x)
		u := float32(q.Momentum*v[i]) + d
		step := u
		if q.Nesterov {
			step = d + float32(q.Momentum*u)
		}
		next := x - float32(q.LR*step)
		if next-next != 0 { // NaN or infinite
			return i
		}
		v[i], w[i] = u, next
	}
	return len(w)
}

// SumSquares returns the sum of the squares of x in float64: eight sums of every eighth element, added in order, so that it
// is the same on every path.
func SumSquares(x []float32) float64 {
	var s [8]float64
	n := len(x) &^ 7
	for i := 0; i < n; i += 8 {
		y := x[i : i+8 : i+8]
		for l := range s {
			v := float64(y[l])
			s[l] += v * v
		}
	}
	for l, v := range x[n:] {
		s[l] += float64(v) * float64(v)
	}
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
}
