package estimators

// WRPN is the quantizer of wide reduced-precision networks, Mishra et al. 2017, https://arxiv.org/abs/1709.01134:
//
//	weights      y = round(n*clip(x, -1, 1))/n,  n = 2^(k-1) - 1
//	activations  y = round(n*clip(x, 0, 1))/n,   n = 2^k - 1
//
//	dx = STE.Grad(dy, n*x, n*y, Qn, Qp): dy where x is inside the clip, else 0
//
// It learns nothing; the paper makes up for the few bits with wider layers, which is the model's part. Rounding is half
// to even; where x is NaN, y is NaN and dx is 0; infinities saturate.
type WRPN struct{ unit }

var _ Scaled = WRPN{}

var wrpnSTEs = []string{"clipped", "identity", "ewgs", "dsq"}

var _ = Register(Method{
	Name:    "wrpn",
	Source:  "Mishra et al. 2017, arXiv 1709.01134",
	Doc:     "weights clipped to [-1, 1], activations to [0, 1], uniform levels",
	Weights: true, Activations: true, MinBits: 1, MaxBits: maxBits, Nearest: true,
	STEs: wrpnSTEs,
	Is:   func(s Spec) Traits { return s.unit(s.Weights) },
	New:  func(s Spec) (Estimator, error) { return NewWRPN(s.Bits, s.Weights, s.STE) },
})

// NewWRPN returns the quantizer of activations, 1 to 16 bits, or of weights, 2 to 16 bits; a nil STE is [Clipped].
func NewWRPN(bits int, weights bool, ste STE) (WRPN, error) {
	w := WRPN{unit{Range: Range{Bits: bits, Signed: weights, Narrow: weights}, method: "wrpn", ste: ste}}
	err := w.check(nil)
	if err == nil {
		err = checkSTE(ste, wrpnSTEs...)
	}
	return w, prefixed("wrpn", err)
}
