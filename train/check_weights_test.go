package train

import (
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
)

// Embedded weights of another network are an error of the config at their key, which says what to set.
func TestCheckWeightsOfAnotherNetwork(t *testing.T) {
	for _, tt := range []struct {
		overrides []string
		want      string
	}{
		{[]string{"model.arch=resnet32"}, `model.init: embedded:resnet20_cifar10 does not fit resnet32 of 10 classes: `},
		{[]string{"model.arch=resnet32"}, `; name weights of this network, or set model.init=random`},
		{[]string{"model.network=networks/mobilenet.yaml"}, `model.init: embedded:resnet20_cifar10 does not fit custom of 10 classes: `},
		{[]string{"model.network=networks/residual.yaml"}, `they are another network's, which has "layer1.2.bn1.bias", "layer1.2.bn1.running_mean", `},
		{[]string{"model.arch=resnet32", "model.init=random", "quant.distillation.teacher=embedded:resnet20_cifar10"}, `quant.distillation.teacher: embedded:resnet20_cifar10 does not fit resnet32 of 10 classes: `},
		{[]string{"model.arch=resnet32", "model.init=random", "quant.distillation.teacher=embedded:resnet20_cifar10"}, `or set quant.distillation.teacher=none`},
		{[]string{"data.dataset=random", "data.random.classes=7"}, `does not fit resnet20 of 7 classes: 2 of 97 tensors have another shape, for instance "linear.weight": [10 64] in the file, [7 64] in the network`},
		{nil, ""}, {[]string{"model.block=reactnet", "quant.residual=fp"}, ""}, {[]string{"model.arch=resnet32", "model.init=random"}, ""},
	} {
		cfg, err := configs.Load("quickstart", tt.overrides)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(cfg, ""); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v: %v; want %s", tt.overrides, err, tt.want)
		}
	}
}
