package networks

import "fmt"

// Block is the residual block of a network.
type Block string

// The blocks. All have the parameter-free shortcut ([Shortcut]) where the size changes.
const (
	// Basic is He et al. 2015, https://arxiv.org/abs/1512.03385: relu(bn2(conv2(relu(bn1(conv1(x))))) + x).
	Basic Block = "basic"
	// BiReal is Bi-Real Net's (Liu et al. 2018, https://arxiv.org/abs/1808.00278, section 3.1): a shortcut around each
	// convolution and no ReLU, so that what quantizers read has both signs and the stream keeps real values,
	//
	//	x1 = x + bn1(conv1(x)),  y = x1 + bn2(conv2(x1))
	//
	// The paper's shortcut has average pooling of 2x2 pixels and a 1x1 convolution with batch norm where the size changes.
	BiReal Block = "bireal"
	// ReActNet is Liu et al. 2020, https://arxiv.org/abs/2003.03488, sections 4.1 and 4.2, in the form of the paper's
	// ResNets: as BiReal, with an [RPReLU] after each sum.
	ReActNet Block = "reactnet"
)

// norm is PyTorch's batch norm.
var norm = BatchNorm{Eps: 1e-5, Momentum: 0.1}

// resnetCIFAR is the residual network for CIFAR of He et al. 2015, section 4.2: a stem of 16 channels, three stages of as
// many blocks with 16, 32 and 64 channels, global average pooling and a linear layer. Three blocks make ResNet-20.
// Names are those of PyTorch implementations.
func resnetCIFAR(o Options, blocks int) *Network {
	n := &Network{Input: o.Input}
	x := n.Add("bn1", norm, n.Add("conv1", Conv{Out: 16, Window: Square(3, 1, 1)}, Input))
	if o.Block == Basic {
		x = n.Add("relu", ReLU{}, x)
	}
	in := 16
	for stage, out := range []int{16, 32, 64} {
		for i := range blocks {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			name := fmt.Sprintf("layer%d.%d.", stage+1, i)
			conv := func(i, stride int, from string) string {
				c := n.Add(fmt.Sprint(name, "conv", i), Conv{Out: out, Window: Square(3, stride, 1)}, from)
				return n.Add(fmt.Sprint(name, "bn", i), norm, c)
			}
			shortcut := func(from string) string {
				if stride == 1 && in == out {
					return from
				}
				return n.Add(name+"shortcut", Shortcut{Stride: stride, Out: out}, from)
			}
			if o.Block == Basic {
				y := conv(2, 1, n.Add(name+"relu1", ReLU{}, conv(1, stride, x)))
				x = n.Add(name+"relu2", ReLU{}, n.Add(name+"add", Add{}, y, shortcut(x)))
			} else {
				skip := func(i, stride int, shortcut func(string) string) {
					y := conv(i, stride, x)
					x = n.Add(fmt.Sprint(name, "add", i), Add{Real: true}, y, shortcut(x))
					if o.Block == ReActNet {
						x = n.Add(fmt.Sprint(name, "rprelu", i), RPReLU{}, x)
					}
				}
				skip(1, stride, shortcut)
				skip(2, 1, func(from string) string { return from })
			}
			in = out
		}
	}
	n.Add("linear", Linear{Out: o.Classes}, n.Add("average_pool", GlobalAveragePool{}, x))
	return n
}
