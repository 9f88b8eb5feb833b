package layers

import (
	"errors"
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/networks"
)

// array is a (N, H, W, C) array of the reference, in float64.
type array struct {
	n, h, w, c int
	data       []float64
}

func arrayOf(n, h, w, c int) array { return array{n, h, w, c, make([]float64, n*h*w*c)} }

func (a array) at(n, i, j, c int) *float64 { return &a.data[((n*a.h+i)*a.w+j)*a.c+c] }

// refUnit is f(x + norm(conv(x))) written by hand: a 3x3 convolution w (3, 3, Cin,
// Cout) with padding 1, batch norm by the batch's statistics, option A, and
// RPReLU if p has its gamma, zeta and beta after batch norm's gamma and beta.
func refUnit(x array, w []float64, p [][]float64, stride int) array {
	cout := len(p[0])
	y := arrayOf(x.n, (x.h+stride-1)/stride, (x.w+stride-1)/stride, cout)
	for n := range y.n {
		for i := range y.h {
			for j := range y.w {
				for tap := range 9 {
					h, v := i*stride+tap/3-1, j*stride+tap%3-1
					if h < 0 || h >= x.h || v < 0 || v >= x.w {
						continue
					}
					for ci := range x.c {
						for co := range cout {
							*y.at(n, i, j, co) += *x.at(n, h, v, ci) * w[(tap*x.c+ci)*cout+co]
						}
					}
				}
			}
		}
	}
	count := float64(y.n * y.h * y.w)
	for c := range cout {
		mean, variance := 0.0, 0.0
		for k := c; k < len(y.data); k += cout {
			mean += y.data[k] / count
		}
		for k := c; k < len(y.data); k += cout {
			variance += (y.data[k] - mean) * (y.data[k] - mean) / count
		}
		for k := c; k < len(y.data); k += cout {
			y.data[k] = p[0][c]*(y.data[k]-mean)/math.Sqrt(variance+1e-5) + p[1][c]
		}
	}
	for n := range y.n {
		for i := range y.h {
			for j := range y.w {
				for ci := range x.c {
					*y.at(n, i, j, ci+(cout-x.c)/2) += *x.at(n, i*stride, j*stride, ci)
				}
			}
		}
	}
	if len(p) > 2 {
		for k, v := range y.data {
			gamma, zeta, beta := p[2][k%cout], p[3][k%cout], p[4][k%cout]
			if v -= gamma; v <= 0 {
				v *= beta
			}
			y.data[k] = v + zeta
		}
	}
	return y
}

func float64sOf(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// Both blocks without quantizers, on Gorgonia's tape machine and on ours, against
// a reference written by hand; gradients against its central differences.
func TestBlocksAgreeWithReference(t *testing.T) {
	const n, size, cin, cout = 2, 6, 2, 4
	float := configs.TensorSpec{Bits: configs.FP}
	for _, kind := range []configs.Block{configs.BiRealBlock, configs.ReActNetBlock} {
		for _, stride := range []int{1, 2} {
			block := convNorm("1", cout, stride, networks.Input)
			block = append(block,
				networks.Node{Name: "shortcut", Op: networks.Shortcut{Stride: stride, Out: cout}, Inputs: []string{networks.Input}},
				networks.Node{Name: "add1", Op: networks.Add{Real: true}, Inputs: []string{"bn1", "shortcut"}})
			x1 := "add1"
			if kind == configs.ReActNetBlock {
				block, x1 = append(block, networks.Node{Name: "act1", Op: networks.RPReLU{}, Inputs: []string{x1}}), "act1"
			}
			block = append(append(block, convNorm("2", cout, 1, x1)...), networks.Node{Name: "add2", Op: networks.Add{Real: true}, Inputs: []string{"bn2", x1}})
			if kind == configs.ReActNetBlock {
				block = append(block, networks.Node{Name: "act2", Op: networks.RPReLU{}, Inputs: []string{"add2"}})
			}
			net := custom(t, networks.Shape{H: size, W: size, C: cin}, float, float, block...)
			params := [][]*Array{net.layer("bn1").arrays[:2:2], net.layer("bn2").arrays[:2:2]} // without statistics
			if kind == configs.ReActNetBlock {
				params[0], params[1] = append(params[0], net.layer("act1").arrays...), append(params[1], net.layer("act2").arrays...)
			}
			conv1, conv2 := net.layer("conv1"), net.layer("conv2")
			all := []*Array{conv1.weight(), conv2.weight()}
			for i, ps := range params {
				all = append(all, ps...)
				for j, p := range ps {
					copy(p.Data(), random(uint64(10*i+j+3), cout).Float32s())
				}
			}
			copy(conv1.weight().Data(), random(1, 9*cin*cout).Float32s())
			copy(conv2.weight().Data(), random(2, 9*cout*cout).Float32s())
			x, g := random(8, n, size, size, cin), random(9, n, (size+stride-1)/stride, (size+stride-1)/stride, cout)

			build := func() (c *Context, y *G.Node, wrt []*G.Node) {
				c = testContext(t, true)
				clear(net.layer("bn1").norm.Mean.Data()) // sums are rounded around the running mean
				clear(net.layer("bn2").norm.Mean.Data())
				in := c.b.Param("x", x)
				y, wrt = newPlan(c, net.layers, nil).emit(in), []*G.Node{in}
				for _, p := range all {
					wrt = append(wrt, c.node(p))
				}
				return c, y, wrt
			}
			c, y, wrt := build()
			out, grads := gradients(t, c, y, c.b.Input("g", g), wrt...)

			c, y, wrt = build()
			nodes, err := c.b.Grad(weighted(c, y, c.b.Input("g", g)), wrt...)
			if err != nil {
				t.Fatal(err)
			}
			vm := G.NewTapeMachine(c.b.Graph())
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			same := func(what string, got, want []float32) {
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("%s, stride %d: %s[%d] is %v, tape machine %v", kind, stride, what, i, got[i], want[i])
					}
				}
			}
			same("y", out, y.Value().(*tensor.Dense).Float32s())
			for i, d := range nodes {
				same("gradient of "+wrt[i].Name(), grads[i], d.Value().(*tensor.Dense).Float32s())
			}
			vm.Close()

			values := [][]float64{float64sOf(x.Float32s())}
			for _, p := range all {
				values = append(values, float64sOf(p.Data()))
			}
			forward := func() []float64 {
				k := len(params[0])
				v := refUnit(array{n, size, size, cin, values[0]}, values[1], values[3:3+k], stride)
				return refUnit(v, values[2], values[3+k:], 1).data
			}
			for i, want := range forward() {
				if d := math.Abs(float64(out[i]) - want); !(d < 2e-5) {
					t.Fatalf("%s, stride %d: y[%d] is %v, want %v", kind, stride, i, out[i], want)
				}
			}
			loss := func() (s float64) {
				for i, v := range forward() {
					s += v * float64(g.Float32s()[i])
				}
				return s
			}
			const h = 1e-6
			for i, v := range values {
				for _, j := range []int{0, len(v) / 2, len(v) - 1} {
					at := v[j]
					v[j] = at + h
					above := loss()
					v[j] = at - h
					want := (above - loss()) / (2 * h)
					v[j] = at
					if d := math.Abs(float64(grads[i][j]) - want); !(d < 1e-4*(1+math.Abs(want))) {
						t.Errorf("%s, stride %d: gradient of %s[%d] is %v, want %v", kind, stride, wrt[i].Name(), j, grads[i][j], want)
					}
				}
			}
		}
	}
}

// Whole networks: fused loops change no bit, and RPReLU, thresholds and their costs
// are where they belong.
func TestBinaryNetworks(t *testing.T) {
	for _, config := range []string{"resnet20_bireal", "resnet20_reactnet"} {
		want := results(t, config, fusions, machine.Options{Unfused: true})
		for i, v := range results(t, config, nil, machine.Options{Poison: true}) {
			if v != want[i] {
				t.Fatalf("%s: value %d is %g, want %g", config, i, v, want[i])
			}
		}
		var e *NotIntegerError
		if _, err := calibrated(t, config).Lower("x"); !errors.As(err, &e) || e.Causes[0].Layers[0] != "layer1.0" {
			t.Errorf("%s: %v, want a NotIntegerError of layer1.0", config, err)
		}
	}
	net := testNetwork(t, "resnet20_reactnet")
	groups, count := map[string]networks.Group{}, 0
	for _, p := range net.Store.Learnable() {
		groups[p.Name] = p.Group
		count += len(p.Data())
	}
	// 6 convolutions read or give each of 16, 32 and 64 channels, but one of a
	// stage's reads those of the stage before.
	thresholds, rprelu := 7*16+6*32+5*64, 3*6*(16+32+64)
	if want := 269_722 + thresholds + rprelu; count != want || net.ParamCount() != want-thresholds {
		t.Errorf("%d parameters, %d without quantizers; want %d and %d", count, net.ParamCount(), want, want-thresholds)
	}
	if g, ok := groups["layer2.0.rprelu1.beta"]; !ok || g != networks.BatchNormGroup {
		t.Errorf("layer2.0.rprelu1.beta is in group %v (%v)", g, ok)
	}
	if g, ok := groups["layer2.0.conv1.input_quantizer.threshold"]; !ok || g != networks.ScalesGroup {
		t.Errorf("the threshold is in group %v (%v)", g, ok)
	}
	r := net.Table()[7] // layer2.0.conv1: 16 channels to 32, at 16 x 16
	weights := 9 * 16 * 32
	if r.Name != "layer2.0.conv1" || r.WeightBits != 1 || r.InputBits != 1 || !r.InputSigned || r.Params != weights+5*32 ||
		r.MACs != int64(256*weights) || r.BitOps != r.MACs || r.SizeBits != int64(weights+32*(32+33+16+3*32)) {
		t.Errorf("unexpected row %+v", r)
	}
}
