package integer

import "fmt"

// Target is the arithmetic that takes a sum to the next code.
type Target uint8

const (
	// Float32 is onnxruntime's: one multiplication in float32.
	Float32 Target = iota
	// Dyadic is for integer-only hardware: the multiplier is M*2^-e with an int32 M,
	// and the product is rounded in 64-bit integers; see package dyadic.
	Dyadic
)

var targetNames = [...]string{Float32: "float32", Dyadic: "dyadic"}

// String is the target's name in configs and files.
func (t Target) String() string {
	if int(t) < len(targetNames) {
		return targetNames[t]
	}
	return fmt.Sprintf("target %d", uint8(t))
}

// ParseTarget returns the target of that name.
func ParseTarget(name string) (Target, error) {
	for t, n := range targetNames {
		if n == name {
			return Target(t), nil
		}
	}
	return 0, fmt.Errorf("unknown target %q; want float32 or dyadic", name)
}
