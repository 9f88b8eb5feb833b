package layers

import (
	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
)

// clip is how a method of activations clips to [0, Qp*scale] with uniform levels: as LSQ but for what its scale learns.
type clip struct {
	learned bool
	// start returns the first scale, given the first batch.
	start func(x []float32) (float32, error)
	// gradient returns the scale's, given the scale and the sum of dy*Qp over what is clipped above.
	gradient func(scale float32, above float64) float32
}

// clips are the methods that are a clip, by name.
var clips = map[configs.Estimator]func(*Quantizer, configs.TensorSpec) (*clip, error){
	"pact": pact, "dorefa": fixedClip, "wrpn": fixedClip,
}

// pact learns alpha = Qp*scale (estimators.PACT). Descent on alpha with the gradient
//
//	dalpha = sum of dy above + decay*alpha
//
// moves scale = alpha/Qp as descent with dscale = dalpha/Qp does.
func pact(q *Quantizer, spec configs.TensorSpec) (*clip, error) {
	est, err := spec.NewEstimator(configs.Place{Scales: 1}, 0)
	if err != nil {
		return nil, err
	}
	p, qp := est.(estimators.PACT), float64(q.Qp())
	return &clip{
		learned: true,
		start: func(x []float32) (float32, error) {
			alpha := []float32{0}
			err := p.Init(estimators.Params{alpha}, x)
			return alpha[0] / float32(qp), err
		},
		gradient: func(scale float32, above float64) float32 { return float32(above/(qp*qp) + p.L2*float64(scale)) },
	}, nil
}

// fixedClip learns nothing.
func fixedClip(_ *Quantizer, spec configs.TensorSpec) (*clip, error) {
	est, err := spec.NewEstimator(configs.Place{Scales: 1}, 0)
	if err != nil {
		return nil, err
	}
	return &clip{
		start: func([]float32) (float32, error) {
			step := []float32{0}
			err := est.(estimators.Integer).Step(step, nil, nil)
			return step[0], err
		},
		gradient: func(float32, float64) float32 { return 0 },
	}, nil
}
