package networks

// resnet is torchvision's residual network (He et al. 2015, section 4.1): stages of 64, 128, 256 and 512 channels of so
// many blocks, which are [residual.basic] or bottlenecks, with their stride on the 3x3 convolution or on the first one.
func resnet(o Options, bottlenecks, first bool, blocks ...int) *Network {
	r := imageNetStem(o)
	add := r.basic
	if bottlenecks {
		add = func(name string, width, stride int) { r.bottleneck(name, width, stride, first) }
	}
	r.stages(add, 64, blocks...)
	return r.classify("avgpool", "fc", o.Classes)
}

// preResNet18 has pre-activation blocks, and batch norm and ReLU after the last.
func preResNet18(o Options) *Network {
	r := imageNetStem(o)
	r.stages(r.preActivation, 64, 2, 2, 2, 2)
	r.postActivation()
	return r.classify("avgpool", "fc", o.Classes)
}

// imageNetStem begins a network for large images: a 7x7 convolution with stride 2, and pooling.
func imageNetStem(o Options) *residual {
	block := o.Block
	if block == "" {
		block = Basic
	}
	r := &residual{Network: &Network{Input: o.Input}, block: block, projection: o.Shortcut, module: "downsample", channels: 64}
	r.x = r.convNorm("conv1", "bn1", Conv{Out: 64, Window: Square(7, 2, 3)}, Input)
	if block == Basic {
		r.x = r.Add("relu", ReLU{}, r.x)
	}
	r.x = r.Add("maxpool", MaxPool{Window: Square(3, 2, 1)}, r.x)
	return r
}
