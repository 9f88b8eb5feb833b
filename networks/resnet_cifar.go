package networks

import "fmt"

// resnetCIFAR is the residual network for CIFAR of He et al. 2015, section 4.2: a stem of 16 channels, three stages of as
// many blocks with 16, 32 and 64 channels, global average pooling and a linear layer. Three blocks make ResNet-20.
// Names are those of https://github.com/akamaster/pytorch_resnet_cifar10.
func resnetCIFAR(o Options, blocks int) *Network {
	r := stem(o, 16)
	r.stages(r.basic, 16, blocks, blocks, blocks)
	return r.classify("average_pool", "linear", o.Classes)
}

// resnet18CIFAR has the stages of ResNet-18 behind that stem.
func resnet18CIFAR(o Options) *Network {
	r := stem(o, 64)
	r.stages(r.basic, 64, 2, 2, 2, 2)
	return r.classify("average_pool", "linear", o.Classes)
}

// stem begins a network for small images: a 3x3 convolution.
func stem(o Options, channels int) *residual {
	r := &residual{Network: &Network{Input: o.Input}, block: o.Block, projection: o.Shortcut, module: "shortcut", channels: channels}
	r.x = r.convNorm("conv1", "bn1", Conv{Out: channels, Window: Square(3, 1, 1)}, Input)
	if o.Block == Basic {
		r.x = r.Add("relu", ReLU{}, r.x)
	}
	return r
}

// preResNet20 is the pre-activation network for CIFAR of He et al. 2016: its stem has neither batch norm nor ReLU, which
// come after the last block.
func preResNet20(o Options) *Network {
	r := &residual{Network: &Network{Input: o.Input}, projection: o.Shortcut, module: "shortcut", channels: 16}
	r.x = r.Add("conv1", Conv{Out: 16, Window: Square(3, 1, 1)}, Input)
	r.stages(r.preActivation, 16, 3, 3, 3)
	r.postActivation()
	return r.classify("average_pool", "linear", o.Classes)
}

// postActivation adds what comes after the last block of pre-activation networks.
func (r *residual) postActivation() {
	r.x = r.Add("post_activ.relu", ReLU{}, r.Add("post_activ.bn", norm, r.x))
}

// resnet8 is MLPerf Tiny's: three blocks with 16, 32 and 64 channels, and 1x1 convolutions without batch norm as shortcuts.
// Its own form is Keras's, with biases and TensorFlow's padding.
func resnet8(o Options) *Network {
	n := &Network{Input: o.Input}
	size := o.Input
	conv3 := func(name, i string, out, stride int, from string) string {
		return n.kerasOr(o.Form, &size, name+"conv"+i, name+"bn"+i, Conv{Out: out, Window: Square(3, stride, 1)}, from)
	}
	x := n.Add("relu", ReLU{}, conv3("", "1", 16, 1, Input))
	for i, out := range []int{16, 32, 64} {
		name, stride := fmt.Sprintf("layer%d.0.", i+1), min(i+1, 2)
		y := n.Add(name+"relu1", ReLU{}, conv3(name, "1", out, stride, x))
		y = conv3(name, "2", out, 1, y)
		if stride > 1 {
			x = n.Add(name+"shortcut.0", Conv{Out: out, Window: Square(1, stride, 0), Bias: o.Form == MLPerfTiny}, x)
		}
		x = n.Add(name+"relu2", ReLU{}, n.Add(name+"add", Add{}, y, x))
	}
	n.Add("linear", Linear{Out: o.Classes}, n.Add("average_pool", GlobalAveragePool{}, x))
	return n
}
