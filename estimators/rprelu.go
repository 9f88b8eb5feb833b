package estimators

import "math"

// RPReLU is the activation function of ReActNet, Liu et al. 2020, https://arxiv.org/abs/2003.03488, section 4.2: a
// parametric ReLU between two learned shifts,
//
//	v = x - gamma,  y = v + zeta where v > 0, else beta*v + zeta
//
//	dx     = dy where v > 0, else beta*dy
//	dgamma = -sum of dx
//	dzeta  = sum of dy
//	dbeta  = sum of dy*v where v <= 0
//
// in float32 but for the sums. It is no quantizer: y is any number. Its parameters are gamma, zeta and beta in that
// order, for each of C channels, the last axis of x. They start from 0, 0 and 0.25, which is the identity above 0 and a
// quarter of it below. Where x is NaN, y and dbeta are NaN and dx is 0. An infinite x gives an infinite y, or NaN
// where beta is 0.
type RPReLU struct {
	Channels int // C; 0 is 1
}

// Params are gamma, zeta and beta.
func (r RPReLU) Params() []Learned {
	n := max(r.Channels, 1)
	return []Learned{{Name: "gamma", Len: n}, {Name: "zeta", Len: n}, {Name: "beta", Len: n}}
}

// Init writes the values that the parameters start from, which do not depend on data.
func (r RPReLU) Init(p Params) error {
	if err := r.checkLengths(p); err != nil {
		return prefixed("rprelu", err)
	}
	clear(p[0])
	clear(p[1])
	for c := range p[2] {
		p[2][c] = 0.25
	}
	return nil
}

func (r RPReLU) checkLengths(p Params) error {
	n := max(r.Channels, 1)
	return checkParams("parameters", p, n, n, n)
}

// check reports parameters that are not finite, or not one for each channel of n elements.
func (r RPReLU) check(p Params, n int) error {
	if err := r.checkLengths(p); err != nil {
		return err
	}
	for i, name := range []string{"gamma", "zeta", "beta"} {
		if err := checkFiniteParam(name, p[i]); err != nil {
			return err
		}
	}
	return checkChannels("gamma", len(p[0]), n)
}

// Forward writes y, which has the length of x and may be x itself.
func (r RPReLU) Forward(y, x []float32, p Params) error {
	err := r.check(p, len(x))
	if err == nil {
		err = checkLength("y", len(y), len(x))
	}
	if err != nil {
		return prefixed("rprelu", err)
	}
	gamma, zeta, beta := p[0], p[1], p[2]
	for i := 0; i < len(x); i += len(gamma) {
		for c := range gamma {
			v := x[i+c] - gamma[c]
			y[i+c] = float32(v*slope(beta[c], positive(v))) + zeta[c] // the conversion keeps the compiler from fusing
		}
	}
	return nil
}

// positive is 1 where v > 0, else 0, without a branch: of activations it is as good as random. The bits of positive
// numbers are 1 to 0x7f800000, that of infinity.
func positive(v float32) uint64 { return (uint64(math.Float32bits(v)-1) - 0x7f800000) >> 63 }

// slope is 1 where above is 1, and beta where it is 0.
func slope(beta float32, above uint64) float32 {
	const one = 0x3f800000
	keep := -uint32(above)
	return math.Float32frombits(one&keep | math.Float32bits(beta)&^keep)
}

// Backward writes dx, which has the length of x and may be dy itself, and the gradients of the parameters.
func (r RPReLU) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	err := r.check(p, len(x))
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp, len(p[0]), len(p[1]), len(p[2]))
	}
	if err != nil {
		return prefixed("rprelu", err)
	}
	type sums struct{ gamma, zeta, beta float64 }
	var buf [1024]sums
	total := channels(buf[:], len(p[0]))
	for i := 0; i < len(x); i += len(total) {
		for c := range total {
			v, g, t := x[i+c]-p[0][c], dy[i+c], &total[c]
			above := positive(v)
			t.zeta += float64(g)
			t.beta += math.Float64frombits(math.Float64bits(float64(g)*float64(v)) &^ -above)
			if dx[i+c] = g * slope(p[2][c], above); v != v {
				dx[i+c] = 0
			}
			t.gamma -= float64(dx[i+c])
		}
	}
	for c, t := range total {
		dp[0][c], dp[1][c], dp[2][c] = float32(t.gamma), float32(t.zeta), float32(t.beta)
	}
	return nil
}
