package train

import (
	"fmt"
	"slices"
	"testing"

	"github.com/qat-go/qat/configs"
)

// Bench measures the convolutions of its config: each shape once, the heaviest first.
func TestHeaviest(t *testing.T) {
	for _, tt := range []struct {
		overrides []string
		want      []string
	}{
		{nil, []string{"16: 32x32x16-16", "32: 16x16x32-32", "64: 8x8x64-64"}},
		{[]string{"model.arch=mobilenet_v1", "model.init=random"}, []string{"64: 2x2x512-512 1x1/1", "32: 8x8x128-128 1x1/1", "64: 4x4x256-256 1x1/1"}},
		{[]string{"model.network={nodes: [{conv: {out: 6, kernel: [3, 5], stride: [1, 2], groups: 3, pad: 1}}, flatten, {linear: {out: classes}}]}", "model.init=random"},
			[]string{"64: 32x32x3-6 3x5/1x2 g3"}},
	} {
		cfg, err := configs.Load("quickstart", tt.overrides)
		if err != nil {
			t.Fatal(err)
		}
		n, err := cfg.Network()
		if err != nil {
			t.Fatal(err)
		}
		convs, err := heaviest(n)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range convs {
			got = append(got, fmt.Sprintf("%d: %s", g.N, convShape(g)))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.overrides, got, tt.want)
		}
		for _, k := range benchKernels(convs[:1], 1) {
			if !(k.GFLOPS > 0) {
				t.Errorf("%+v", k)
			}
		}
	}
}
