package networks

import (
	"fmt"
	"slices"
	"strings"
)

// Arch is an architecture of the zoo.
type Arch struct {
	Name    string
	Doc     string // in a line, with its source
	Input   Shape  // of the paper
	Classes int    // of the paper
	// What there is of each option, the architecture's own first; nil where there is no choice.
	Blocks    []Block
	Shortcuts []Projection
	Forms     []Form
	Widths    bool
	build     func(Options) *Network
}

var (
	cifar    = Shape{32, 32, 3}
	imagenet = Shape{224, 224, 3}
)

// Archs lists the zoo.
func Archs() []Arch {
	blocks := []Block{Basic, BiReal, ReActNet}
	all := []Arch{{Name: "resnet8", Doc: "MLPerf Tiny's for CIFAR-10 (Banbury et al. 2021, https://arxiv.org/abs/2106.07597)", Input: cifar, Classes: 10,
		Forms: []Form{MLPerfTiny, TorchForm}, build: resnet8}}
	for _, depth := range []int{20, 32, 44, 56, 110} {
		all = append(all, Arch{Name: fmt.Sprint("resnet", depth), Doc: fmt.Sprintf("%d layers for CIFAR (He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2)", depth),
			Input: cifar, Classes: 10, Blocks: blocks, Shortcuts: []Projection{OptionA, OptionB, PoolConv},
			build: func(o Options) *Network { return resnetCIFAR(o, (depth-2)/6) }})
	}
	return append(all,
		Arch{Name: "preresnet20", Doc: "pre-activation, for CIFAR (He et al. 2016, https://arxiv.org/abs/1603.05027)", Input: cifar, Classes: 10,
			Shortcuts: []Projection{OptionA, OptionB}, build: preResNet20},
		Arch{Name: "preresnet18", Doc: "pre-activation, for ImageNet (He et al. 2016)", Input: imagenet, Classes: 1000, build: preResNet18},
		Arch{Name: "resnet18", Doc: "torchvision's (He et al. 2015)", Input: imagenet, Classes: 1000, Blocks: blocks, Shortcuts: []Projection{OptionB, PoolConv},
			build: func(o Options) *Network { return resnet(o, false, false, 2, 2, 2, 2) }},
		Arch{Name: "resnet34", Doc: "torchvision's (He et al. 2015)", Input: imagenet, Classes: 1000, Blocks: blocks, Shortcuts: []Projection{OptionB, PoolConv},
			build: func(o Options) *Network { return resnet(o, false, false, 3, 4, 6, 3) }},
		Arch{Name: "resnet50", Doc: "torchvision's: the stride is on the 3x3 convolutions", Input: imagenet, Classes: 1000,
			build: func(o Options) *Network { return resnet(o, true, false, 3, 4, 6, 3) }},
		Arch{Name: "resnet50_v1", Doc: "He et al. 2015, and HAWQ's: the stride is on the first 1x1 convolutions", Input: imagenet, Classes: 1000,
			build: func(o Options) *Network { return resnet(o, true, true, 3, 4, 6, 3) }},
		Arch{Name: "resnet18_cifar", Doc: "ResNet-18 for CIFAR: a 3x3 stem and no pooling (https://github.com/kuangliu/pytorch-cifar)", Input: cifar, Classes: 10, Blocks: blocks,
			Shortcuts: []Projection{OptionB, PoolConv}, build: resnet18CIFAR},
		Arch{Name: "vgg_small", Doc: "LQ-Nets' for CIFAR, with pooling before batch norm (Zhang et al. 2018, https://arxiv.org/abs/1807.10029)", Input: cifar, Classes: 10, build: vggSmall},
		Arch{Name: "vgg7", Doc: "TWN's for CIFAR (Li et al. 2016, https://arxiv.org/abs/1605.04711)", Input: cifar, Classes: 10, build: vgg7},
		Arch{Name: "convnet", Doc: "BinaryConnect's for CIFAR (Courbariaux et al. 2015, https://arxiv.org/abs/1511.00363)", Input: cifar, Classes: 10, build: convNet},
		Arch{Name: "vgg11_bn", Doc: "torchvision's (Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556)", Input: imagenet, Classes: 1000,
			build: func(o Options) *Network { return vgg(o, 1, 1, 2, 2, 2) }},
		Arch{Name: "vgg16_bn", Doc: "torchvision's (Simonyan and Zisserman 2014)", Input: imagenet, Classes: 1000,
			build: func(o Options) *Network { return vgg(o, 2, 2, 3, 3, 3) }},
		Arch{Name: "alexnet_bn", Doc: "AlexNet with batch norm: LQ-Nets', or tensorpack's for DoReFa-Net, with groups and 224x224 pixels", Input: Shape{227, 227, 3}, Classes: 1000,
			Forms: []Form{LQNets, DoReFa}, build: alexNet},
		Arch{Name: "mobilenet_v1", Doc: "Howard et al. 2017, https://arxiv.org/abs/1704.04861; MLPerf Tiny's has 96x96 pixels, 2 classes and width 0.25", Input: imagenet, Classes: 1000,
			Forms: []Form{TorchForm, MLPerfTiny}, Widths: true, build: mobileNetV1},
		Arch{Name: "mobilenet_v2", Doc: "torchvision's (Sandler et al. 2018, https://arxiv.org/abs/1801.04381)", Input: imagenet, Classes: 1000, Widths: true, build: mobileNetV2},
		Arch{Name: "ds_cnn", Doc: "MLPerf Tiny's for keywords (Zhang et al. 2017, https://arxiv.org/abs/1711.07128)", Input: Shape{49, 10, 1}, Classes: 12,
			Forms: []Form{MLPerfTiny, TorchForm}, build: dsCNN},
		Arch{Name: "squeezenet1_1", Doc: "torchvision's (Iandola et al. 2016, https://arxiv.org/abs/1602.07360)", Input: imagenet, Classes: 1000, build: squeezeNet},
	)
}

// ArchNames lists the names of the zoo.
func ArchNames() (names []string) {
	for _, a := range Archs() {
		names = append(names, a.Name)
	}
	return names
}

func archNamed(name string) (Arch, error) {
	all := Archs()
	i := slices.IndexFunc(all, func(a Arch) bool { return a.Name == name })
	if i < 0 {
		return Arch{}, fmt.Errorf("network %q is not built; available: %s", name, strings.Join(ArchNames(), ", "))
	}
	return all[i], nil
}

// Build returns the network of that name. What the architecture does not have, or an input that it does not fit, is an
// error.
func Build(name string, o Options) (*Network, error) {
	a, err := archNamed(name)
	if err != nil {
		return nil, err
	}
	if o, err = a.complete(o); err != nil {
		return nil, err
	}
	n := a.build(o)
	if _, err := n.Shapes(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}
