package kernels

import "math"

// Adam is an update of Adam, or of AdamW (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1; Loshchilov and
// Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2).
type Adam struct {
	LR           float64
	Beta1, Beta2 float64
	Eps          float64
	Decay        float64 // of the weights: added to the gradient, or with Decoupled, LR times it taken from the weights
	Clip         float32 // the gradient's factor; 1 without clipping
	Decoupled    bool    // AdamW
	Update       int     // from 1
}

// Row updates the weights w and the moments m and v with the gradient g, as torch.optim.Adam and AdamW do, each step rounded
// to float32:
//
//	d = Clip*g + Decay*w   (decoupled: w *= 1 - LR*Decay, and d = Clip*g)
//	m = Beta1*m + (1-Beta1)*d;  v = Beta2*v + (1-Beta2)*d*d
//	w -= LR/(1-Beta1^Update) * m/(sqrt(v)/sqrt(1-Beta2^Update) + Eps)
//
// It stops at the first element of which a new number is not finite, leaves it as it was, and returns its index; -1 if there
// is none.
func (a *Adam) Row(w, m, v, g []float32) int {
	m, v, g = m[:len(w)], v[:len(w)], g[:len(w)]
	beta1, beta2, eps := float32(a.Beta1), float32(a.Beta2), float32(a.Eps)
	rest1, rest2 := float32(1-a.Beta1), float32(1-a.Beta2)
	root := float32(math.Sqrt(1 - math.Pow(a.Beta2, float64(a.Update))))
	step := float32(a.LR / (1 - math.Pow(a.Beta1, float64(a.Update))))
	decay, keep := float32(a.Decay), float32(1)
	if a.Decoupled {
		decay, keep = 0, float32(1-a.LR*a.Decay)
	}
	for i, x := range w {
		d := float32(g[i]*a.Clip) + float32(decay*x)
		mean := float32(beta1*m[i]) + float32(rest1*d)
		square := float32(beta2*v[i]) + float32(float32(rest2*d)*d)
		root := float32(float32(math.Sqrt(float64(square)))/root) + eps
		next := float32(keep*x) - float32(float32(step*mean)/root)
		if next-next != 0 || square-square != 0 { // NaN or infinite
			return i
		}
		m[i], v[i], w[i] = mean, square, next
	}
	return -1
}
