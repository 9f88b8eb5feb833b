package configs

import (
	"strings"
	"testing"
)

// A key of another optimizer than the config's is an error, also where a base sets it; the defaults of all are no mistake.
func TestOptimizerKeys(t *testing.T) {
	for _, tt := range [][2]string{
		{"{kind: adam, momentum: 0.8}", "train.optimizer.momentum has no effect on kind adam; remove it or set kind: sgd"},
		{"{kind: adamw, nesterov: true}", "train.optimizer.nesterov has no effect on kind adamw; remove it or set kind: sgd"},
		{"{beta1: 0.5}", "train.optimizer.beta1 has no effect on kind sgd; remove it or set kind: adam"},
		{"{beta2: 0.5}", "train.optimizer.beta2 has no effect on kind sgd"},
		{"{eps: 0.5}", "train.optimizer.eps has no effect on kind sgd"},
		{"{kind: adam, beta2: 1}", "wanted a finite number >= 0 and < 1, found 1"},
		{"{kind: adam, eps: 0}", "wanted a finite number > 0, found 0"},
		{"{kind: adam, eps: 1e-60}", "train.optimizer.eps: 1e-60 is 0 in float32; wanted at least 1e-45"},
		{"{kind: adam, beta1: 0.5, beta2: 0.9, eps: 1e-3, weight_decay: 0.1}", ""},
		{"{kind: adamw, beta1: 0.5, beta2: 0.9, eps: 1e-3, momentum: 0.9}", ""},
		{"{kind: sgd, beta1: 0.9, beta2: 0.999, eps: 1e-8}", ""},
	} {
		_, err := Load("quickstart", []string{"train.optimizer=" + tt[0]})
		if (err == nil) != (tt[1] == "") || err != nil && !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%s: %v, wanted %q", tt[0], err, tt[1])
		}
	}
}
