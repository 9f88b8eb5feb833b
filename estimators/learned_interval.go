package estimators

import "fmt"

// checkInterval reports ends of an interval that are not finite.
func checkInterval(lower, upper []float32) error {
	if err := checkFiniteParam("lower", lower); err != nil {
		return err
	}
	return checkFiniteParam("upper", upper)
}

// intervalScale is the distance of n+1 levels from lower to upper. Training may move the ends past each other; the
// interval is then as narrow as a scale can be, [MinScale], and starts at lower.
func intervalScale(lower, upper, n float32) float32 {
	return max(float32((float64(upper)-float64(lower))/float64(n)), MinScale)
}

// zeroPointLevels moves levels that start at b = l.b so that 0 is one of them: b becomes -s*z, z = clip(round(-b/s)),
// and y = s*(code - z) with code = round(x/s) + z, which is the arithmetic of [Affine].
func zeroPointLevels(l levels) levels {
	z := (&rounding{}).round(min(max(-l.b/l.s, l.lo), l.hi), 0)
	l.zero = int32(z)
	l.lo, l.hi = l.lo-z, l.hi-z
	l.b, l.base = 0, 0
	return l
}

// optionBool is an option that is 0 or 1.
func optionBool(o Option, given Options) (bool, error) {
	v, err := o.value(given)
	if err == nil && v != 0 && v != 1 {
		err = fmt.Errorf("%s is %v; expected 0 or 1", o.Name, v)
	}
	return v == 1, err
}

// zeroPointOption chooses between the paper's levels, which start anywhere, and those that an integer network needs.
var zeroPointOption = Option{
	Name: "zero_point", Max: 1,
	Doc: "1 moves the levels so that 0 is one of them, as integer networks need; 0 is the paper's",
}
