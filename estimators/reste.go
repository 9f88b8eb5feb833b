package estimators

import "math"

// ReSTE is the rectified straight-through estimator, Wu et al. 2023, https://arxiv.org/abs/2308.06689: the derivative
// of the power function f(v) = sign(v)*|v|^(1/o) in place of the sign,
//
//	dv = dq * f(m)/m                    where |v| <= m
//	     dq * (1/o)*|v|^((1 - o)/o)     where m < |v| <= t
//	     0                              where |v| > t
//
// in float64, rounded once. f is the identity for o = 1 and tends to the sign as o grows; the released code raises o
// from 1 to 3 over the epochs as 1 + 2*(1 - cos(pi/2*epoch/epochs)). The two other cases are the paper's clippings: t
// cuts what is far from 0, and the mean slope of f near 0, m = 0.1, replaces a derivative without bound. Where v is
// NaN, dv is 0. O is at least 1 and T at least m; they are options, not learned.
type ReSTE struct {
	O float64 // o
	T float64 // t
}

// resteM is the paper's m.
const resteM = 0.1

var resteO = Option{
	Name: "o", Doc: "the root that replaces the sign: 1 is the identity, more is nearer to the sign; scheduled from 1",
	Default: 3, Min: 1, Max: 100,
}

var resteT = Option{
	Name: "t", Doc: "where the gradient ends: it is 0 for |v| > t",
	Default: 1.5, Min: resteM, Max: 1e6,
}

var _ = RegisterSTE(STEKind{
	Name:    "reste",
	Source:  "Wu et al. 2023, arXiv 2308.06689",
	Doc:     "the derivative of sign(v)*|v|^(1/o), clipped near 0 and beyond t",
	Options: []Option{resteO, resteT},
	New: func(given Options) (STE, error) {
		o, err := resteO.value(given)
		if err != nil {
			return nil, prefixed("reste", err)
		}
		t, err := resteT.value(given)
		return ReSTE{O: o, T: t}, prefixed("reste", err)
	},
})

// Grad implements [STE].
func (r ReSTE) Grad(g, v, _, _, _ float32) float32 {
	a := math.Abs(float64(v))
	switch {
	case a <= resteM:
		return float32(float64(g) * math.Pow(resteM, (1-r.O)/r.O)) // f(m)/m
	case a <= r.T:
		return float32(float64(g) / r.O * math.Pow(a, (1-r.O)/r.O))
	}
	return 0 // NaN too
}
