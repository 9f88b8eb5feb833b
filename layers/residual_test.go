package layers

import (
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
)

// The residual stream is quantized by affine where activations are, and else by LSQ.
func TestResidualEstimator(t *testing.T) {
	for estimator, want := range map[string]configs.Estimator{"affine": configs.Affine, "lsq": configs.LSQ, "pact": configs.LSQ} {
		n := testNetwork(t, "resnet20_w4a4", "quant.activations.estimator="+estimator)
		found := 0
		for _, q := range n.Quantizers {
			if strings.HasSuffix(q.Name, ".output") || strings.HasSuffix(q.Name, ".branch") {
				if found++; q.Estimator() != want {
					t.Errorf("activations %s: %s has %s, want %s", estimator, q.Name, q.Estimator(), want)
				}
			}
		}
		if found != 1+2*9 {
			t.Errorf("activations %s: %d quantizers of the stream, want 19", estimator, found)
		}
	}
}
