package integer_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// every returns a network with one layer of each kind; each call makes a new one.
func every() *integer.Network {
	n := &integer.Network{Tensors: []integer.Tensor{
		{H: 4, W: 4, C: 1, Bits: 8, Scale: 0.1, ZeroPoint: 100},
		{H: 4, W: 4, C: 2, Bits: 4, Scale: 0.2},
		{H: 4, W: 4, C: 2, Bits: 4, Signed: true, Scale: 0.3, ZeroPoint: 8},
		{H: 4, W: 4, C: 2, Bits: 8, Scale: 0.2},
		{H: 2, W: 2, C: 4, Bits: 8, Scale: 0.2},
		{H: 1, W: 1, C: 4, Bits: 8, Scale: 0.2},
		{H: 2, W: 2, C: 1, Bits: 8, Scale: 0.1, ZeroPoint: 100},
	}}
	f := integer.FoldBias(0.1, []float32{0.1}, []float32{1, -1})
	n.Layers = []integer.Layer{
		integer.NewConv(n, "conv", 0, 1, networks.Square(3, 1, 1), 0, make([]int8, 18), 4, f, true),
		&integer.Requantize{Name: "requantize", In: 1, Out: 2, Lo: 0, Hi: 15},
		&integer.Add{Name: "add", A: 1, B: 2, Out: 3, Lo: 0, Hi: 255},
		&integer.Shortcut{Name: "shortcut", In: 3, Out: 4, Stride: 2},
		&integer.AveragePool{Name: "pool", In: 4, Out: 5},
		&integer.MaxPool{Name: "max pool", In: 0, Out: 6, Window: networks.Square(3, 2, 1)},
		&integer.Linear{Name: "linear", In: 5, Out: 2, Weights: make([]int8, 8), WeightBits: 2, Scale: []float32{1, 1}, Bias: make([]int32, 2)},
	}
	return n
}

func TestCheckRejects(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	conv := func(n *integer.Network) *integer.Conv { return n.Layers[0].(*integer.Conv) }
	linear := func(n *integer.Network) *integer.Linear { return n.Layers[6].(*integer.Linear) }
	window := func(n *integer.Network) *integer.MaxPool { return n.Layers[5].(*integer.MaxPool) }
	tests := map[string]struct {
		change func(n *integer.Network)
		want   string
	}{
		"no layers":               {func(n *integer.Network) { n.Layers = nil }, "no layers"},
		"no tensors":              {func(n *integer.Network) { n.Tensors = nil }, "no layers"},
		"nil layer":               {func(n *integer.Network) { n.Layers[0] = nil }, "layer 0 is nil"},
		"zero height":             {func(n *integer.Network) { n.Tensors[0].H = 0 }, "shape (0,4,1)"},
		"negative width":          {func(n *integer.Network) { n.Tensors[0].W = -4 }, "shape (4,-4,1)"},
		"shape overflows":         {func(n *integer.Network) { n.Tensors[0] = integer.Tensor{H: 1 << 16, W: 1 << 16, C: 1} }, "is not possible"},
		"tensors too large":       {func(n *integer.Network) { n.Tensors[0].H, n.Tensors[1].H = 1<<26, 1<<25 }, "in all tensors"},
		"no bits":                 {func(n *integer.Network) { n.Tensors[1].Bits = 0 }, "0 bits"},
		"negative bits":           {func(n *integer.Network) { n.Tensors[1].Bits = -1 }, "-1 bits"},
		"nine bits":               {func(n *integer.Network) { n.Tensors[1].Bits = 9 }, "9 bits"},
		"scale 0":                 {func(n *integer.Network) { n.Tensors[1].Scale = 0 }, "scale 0"},
		"scale negative":          {func(n *integer.Network) { n.Tensors[1].Scale = -1 }, "scale -1"},
		"scale NaN":               {func(n *integer.Network) { n.Tensors[1].Scale = nan }, "scale NaN"},
		"scale infinite":          {func(n *integer.Network) { n.Tensors[1].Scale = inf }, "scale +Inf"},
		"scale denormal":          {func(n *integer.Network) { n.Tensors[1].Scale = 1e-39 }, "not denormal"},
		"zero point out of range": {func(n *integer.Network) { n.Tensors[1].ZeroPoint = 16 }, "not one of the codes 0 to 15"},
		"signed below 0":          {func(n *integer.Network) { n.Tensors[2].ZeroPoint = 7 }, "does not fit uint8"},
		"signed above 255":        {func(n *integer.Network) { n.Tensors[2].ZeroPoint = 249 }, "does not fit uint8"},
		"narrow unsigned":         {func(n *integer.Network) { n.Tensors[1].Narrow = true }, "can be narrow"},
		"narrow 1 bit":            {func(n *integer.Network) { n.Tensors[2].Bits, n.Tensors[2].Narrow = 1, true }, "can be narrow"},
		"reads -1":                {func(n *integer.Network) { conv(n).In = -1 }, "reads tensor -1"},
		"reads beyond":            {func(n *integer.Network) { conv(n).In = 99 }, "reads tensor 99"},
		"reads what comes later":  {func(n *integer.Network) { conv(n).In = 3 }, "reads tensor 3"},
		"linear reads -1":         {func(n *integer.Network) { linear(n).In = -1 }, "reads tensor -1"},
		"writes -1":               {func(n *integer.Network) { conv(n).Out = -1 }, "cannot write tensor -1"},
		"writes beyond":           {func(n *integer.Network) { conv(n).Out = 99 }, "cannot write tensor 99"},
		"writes the input":        {func(n *integer.Network) { conv(n).Out = 0 }, "cannot write tensor 0"},
		"writes twice":            {func(n *integer.Network) { n.Layers[1].(*integer.Requantize).Out = 1 }, "cannot write tensor 1"},
		"linear in the middle":    {func(n *integer.Network) { linear(n).In = 0; n.Layers[4] = linear(n) }, "last layer"},
		"no linear":               {func(n *integer.Network) { n.Layers = n.Layers[:5] }, "last layer"},
		"same name":               {func(n *integer.Network) { conv(n).Name = "linear" }, `two layers are called "linear"`},
		"classes":                 {func(n *integer.Network) { n.Classes = make([]string, 3) }, "2 outputs for 3 classes"},
		"kernel 0":                {func(n *integer.Network) { conv(n).Kernel.H = 0 }, "kernel 0x3"},
		"kernel huge":             {func(n *integer.Network) { conv(n).Kernel.W = math.MaxInt }, "want a kernel of 1 to 4096"},
		"stride 0":                {func(n *integer.Network) { conv(n).Stride.W = 0 }, "stride 1x0"},
		"stride huge":             {func(n *integer.Network) { conv(n).Stride.H = math.MaxInt }, "positive stride"},
		"padding negative":        {func(n *integer.Network) { conv(n).Pad.Right = -1 }, "padding 1,1,1,-1"},
		"padding huge":            {func(n *integer.Network) { conv(n).Pad.Top = math.MaxInt }, "less padding than kernel"},
		"padding of the kernel":   {func(n *integer.Network) { conv(n).Pad.Bottom = 3 }, "less padding than kernel"},
		"padded input": {func(n *integer.Network) {
			n.Tensors[0] = integer.Tensor{H: 1, W: 1, C: 1 << 20, Bits: 1, Scale: 1}
			conv(n).Window = networks.Square(64, 1, 63)
		}, "the padded input"},
		"kernel beyond input": {func(n *integer.Network) { conv(n).Window = networks.Square(5, 1, 0) }, "kernel must fit"},
		"output size":         {func(n *integer.Network) { conv(n).Stride = networks.Size{H: 2, W: 1} }, "output is (2,4)"},
		"many weights": {func(n *integer.Network) {
			n.Tensors[0] = integer.Tensor{H: 1, W: 1, C: 1 << 15, Bits: 1, Scale: 1}
			n.Tensors[1] = integer.Tensor{H: 1, W: 1, C: 1 << 16, Bits: 1, Scale: 1}
			conv(n).Window = networks.Square(1, 1, 0)
		}, "the kernel has more than"},
		"groups":              {func(n *integer.Network) { conv(n).Groups = 2 }, "2 groups of 1 input and 2 output channels"},
		"groups negative":     {func(n *integer.Network) { conv(n).Groups = -1 }, "-1 groups"},
		"too few weights":     {func(n *integer.Network) { conv(n).Weights = conv(n).Weights[1:] }, "17 weights, want 18"},
		"weight bits":         {func(n *integer.Network) { conv(n).WeightBits = 0 }, "weights of 0 bits"},
		"weight too large":    {func(n *integer.Network) { conv(n).Weights[3] = 8 }, "weight 3 is 8"},
		"weight too small":    {func(n *integer.Network) { conv(n).Weights[3] = -9 }, "weight 3 is -9"},
		"biases":              {func(n *integer.Network) { conv(n).Bias = nil }, "0 biases"},
		"scales":              {func(n *integer.Network) { conv(n).Scale = nil }, "0 scales"},
		"conv scale NaN":      {func(n *integer.Network) { conv(n).Scale[1] = nan }, "channel 1"},
		"multiplier infinite": {func(n *integer.Network) { conv(n).Scale[0] = 3e38 }, "finite multiplier"},
		"sum overflows":       {func(n *integer.Network) { conv(n).Bias[1], conv(n).Weights[1] = math.MaxInt32, 1 }, "does not fit int32"},
		"sum underflows":      {func(n *integer.Network) { conv(n).Bias[1] = math.MinInt32 }, "does not fit int32"},
		"conv clamp empty":    {func(n *integer.Network) { conv(n).Lo = 15; conv(n).Hi = 14 }, "clamped to 15..14"},
		"conv clamp above":    {func(n *integer.Network) { conv(n).Hi = 16 }, "within 0..15"},
		"requantize clamp":    {func(n *integer.Network) { n.Layers[1].(*integer.Requantize).Hi = 16 }, "within 0..15"},
		"narrow clamp":        {func(n *integer.Network) { n.Tensors[2].Narrow = true }, "within 1..15"},
		"requantize shape":    {func(n *integer.Network) { n.Tensors[2].C = 3 }, "tensor 2 is (4,4,3)"},
		"add clamp":           {func(n *integer.Network) { n.Layers[2].(*integer.Add).Lo, n.Tensors[3].Bits = 1, 7 }, "within 0..127"},
		"add ratio":           {func(n *integer.Network) { n.Tensors[3].Scale = 1e-36 }, "times the output's scale"},
		"shortcut stride":     {func(n *integer.Network) { n.Layers[3].(*integer.Shortcut).Stride = 0 }, "stride 0"},
		"shortcut shape":      {func(n *integer.Network) { n.Layers[3].(*integer.Shortcut).Stride = 3; n.Tensors[4].H = 1 }, "stride 3"},
		"shortcut channels":   {func(n *integer.Network) { n.Tensors[4].C = 1 }, "does not take (4,4,2) to (2,2,1)"},
		"shortcut scale":      {func(n *integer.Network) { n.Tensors[4].Scale = 0.3 }, "the same bits"},
		"shortcut bits":       {func(n *integer.Network) { n.Tensors[4].Bits = 7 }, "the same bits"},
		"pool shape":          {func(n *integer.Network) { n.Tensors[5].C = 3 }, "want (1,1,4)"},
		"pool scales": {func(n *integer.Network) {
			n.Tensors[5].Scale = 1e-37
			n.Tensors[4].Scale, n.Tensors[3].Scale = 3e3, 3e3
		}, "multiplier"},
		"window kernel":      {func(n *integer.Network) { window(n).Kernel.H = 0 }, "kernel is 0x3 and stride 2x2"},
		"window stride":      {func(n *integer.Network) { window(n).Stride.W = 0 }, "kernel is 3x3 and stride 2x0"},
		"window too large":   {func(n *integer.Network) { window(n).Kernel.W = 4097 }, "kernel 3x4097 and stride 2x2; want a kernel of at most 4096"},
		"window too far":     {func(n *integer.Network) { window(n).Stride.W = 1 << 62 }, "a stride of at most"},
		"window overflows":   {func(n *integer.Network) { window(n).Pad.Right = math.MaxInt }, "padded by 1,1,1,"},
		"window before":      {func(n *integer.Network) { window(n).Pad.Right = -1 }, "expected 0 or more on each side"},
		"window padding":     {func(n *integer.Network) { window(n).Pad.Left = 2 }, "at most half of the kernel"},
		"window shape":       {func(n *integer.Network) { n.Tensors[6].H = 3 }, "do not take (4,4,1) to (3,2,1)"},
		"window channels":    {func(n *integer.Network) { n.Tensors[6].C = 2 }, "do not take (4,4,1) to (2,2,2)"},
		"window codes":       {func(n *integer.Network) { n.Tensors[6].ZeroPoint = 99 }, "the same bits"},
		"linear outputs":     {func(n *integer.Network) { linear(n).Out = -1 }, "-1 outputs"},
		"linear many":        {func(n *integer.Network) { linear(n).Out = math.MaxInt }, "at most"},
		"linear scales":      {func(n *integer.Network) { linear(n).Scale = nil }, "0 scales"},
		"linear scale NaN":   {func(n *integer.Network) { linear(n).Scale[1] = nan }, "output 1: scale NaN"},
		"linear scale large": {func(n *integer.Network) { linear(n).Scale[1] = 1e30 }, "output 1: scale"},
		"linear weights":     {func(n *integer.Network) { linear(n).Weights = nil }, "0 weights, want 8"},
		"linear sum":         {func(n *integer.Network) { linear(n).Bias[0] = math.MinInt32 }, "does not fit int32"},
		"target":             {func(n *integer.Network) { n.Target = 2 }, "unknown target 2"},
		"dyadic conv": {func(n *integer.Network) {
			n.Target, conv(n).Scale[1] = integer.Dyadic, 0.2*0x1p30
		}, "conv: target dyadic: channel 1: a multiplier of 1.0737418e+09, want less than 2^30"},
		"dyadic requantize": {func(n *integer.Network) {
			n.Target, n.Tensors[2].Scale = integer.Dyadic, 1e-30
		}, "requantize: target dyadic: a multiplier of 2e+29"},
		"dyadic infinite": {func(n *integer.Network) {
			n.Target, n.Tensors[1].Scale, n.Tensors[2].Scale, n.Tensors[3].Scale = integer.Dyadic, 3e38, 1e-37, 1e38
			n.Tensors[4].Scale, n.Tensors[5].Scale = 1e38, 1e38
		}, "requantize: target dyadic: a multiplier of +Inf"},
		"dyadic add": {func(n *integer.Network) {
			n.Target, n.Tensors[3].Scale, n.Tensors[4].Scale, n.Tensors[5].Scale = integer.Dyadic, 1e-12, 1e-12, 1e-12
		}, "add: target dyadic: a multiplier of"},
		"dyadic pool": {func(n *integer.Network) { n.Target, n.Tensors[5].Scale = integer.Dyadic, 1e-12 }, "pool: target dyadic: a multiplier of"},
	}
	if err := every().Check(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		n := every()
		tt.change(n)
		if err := n.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
}

// Average windows are checked as those of max pooling, and their multipliers.
func TestAverageWindowRejects(t *testing.T) {
	for want, change := range map[string]func(n *integer.Network, a *integer.AverageWindow){
		"": func(*integer.Network, *integer.AverageWindow) {},
		"a window of 256x3, want at most 255 pixels": func(_ *integer.Network, a *integer.AverageWindow) { a.Kernel.H = 256 },
		"at most half of the kernel":                 func(_ *integer.Network, a *integer.AverageWindow) { a.Pad.Left = 2 },
		"do not take (4,4,1) to (2,2,2)":             func(n *integer.Network, _ *integer.AverageWindow) { n.Tensors[6].C = 2 },
		"give a multiplier of +Inf": func(n *integer.Network, _ *integer.AverageWindow) {
			n.Tensors[0].Scale, n.Tensors[6].Scale = 1e20, 1e-30
		},
		"the padded input has more": func(n *integer.Network, a *integer.AverageWindow) {
			n.Tensors[0] = integer.Tensor{H: 1, W: 1, C: 1 << 20, Bits: 1, Scale: 1}
			n.Tensors[6], a.Window = n.Tensors[0], networks.Square(64, 64, 0)
		},
		"window: target dyadic: windows of 1 pixels: a multiplier of 1e+11, want less than 2^30": func(n *integer.Network, _ *integer.AverageWindow) {
			n.Target, n.Tensors[6].Scale = integer.Dyadic, 1e-12
		},
	} {
		n := every()
		a := &integer.AverageWindow{Name: "window", In: 0, Out: 6, Window: networks.Square(3, 2, 1)}
		n.Layers = slices.Concat([]integer.Layer{a}, n.Layers[:5], n.Layers[6:])
		change(n, a)
		if err := n.Check(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestWindows has the shapes that PyTorch 1.13's MaxPool2d gives, without and with ceil_mode.
func TestWindows(t *testing.T) {
	for _, c := range []struct{ size, k, stride, pad, floor, ceil int }{
		{4, 3, 2, 1, 2, 3}, {4, 2, 2, 0, 2, 2}, {4, 3, 2, 0, 1, 2}, {4, 2, 3, 1, 2, 2}, {4, 1, 3, 0, 2, 2}, {4, 4, 3, 2, 2, 2}, {4, 3, 4, 1, 1, 2}, {4, 5, 2, 0, -1, 1},
	} {
		for out := range 6 {
			n := every()
			l := n.Layers[5].(*integer.MaxPool)
			l.Window = networks.Square(c.k, c.stride, c.pad)
			n.Tensors[6].H, n.Tensors[6].W = out, out
			if err := n.Check(); (err == nil) != (out == c.floor || out == c.ceil) {
				t.Errorf("%+v: %d windows: error %v", c, out, err)
			}
			// With padding at the end, the windows are those without ceil_mode.
			if end := l.Covering(n).Pad.Bottom; out > 0 && (end >= c.k && n.Check() == nil || n.Check() == nil && (c.size+c.pad+end-c.k)/c.stride+1 != out) {
				t.Errorf("%+v: %d windows with padding of %d at the end", c, out, end)
			}
		}
	}
	n := every() // one axis without ceil_mode, and one with it
	n.Tensors[6].H = 3
	if n.Check() == nil {
		t.Error("(2,3) windows pass, where PyTorch has (2,2) or (3,3)")
	}
}

// The largest sums that Check lets through are exact.
func TestSumsAtTheLimit(t *testing.T) {
	for _, sign := range []int32{1, -1} {
		n := every()
		c := n.Layers[0].(*integer.Conv)
		w := int8(-7 * sign)
		for i := range c.Weights {
			c.Weights[i] = w
		}
		n.Tensors[0].ZeroPoint, n.Tensors[6].ZeroPoint = 255, 255 // values of -255
		c.Bias[0] = sign * (math.MaxInt32 - 255*7*9)
		if err := n.Check(); err != nil {
			t.Fatal(err)
		}
		c.Scale[0] = 0.2 * 0x1p-31
		r := newRunner(t, n, 1, 1)
		x := make([]float32, 16)
		for i := range x {
			x[i] = -1e9
		}
		run(t, r, x, 1)
		codes := [][]uint8{r.Codes(0, 1)}
		if want, _ := reference(n, c, codes); !reflect.DeepEqual(r.Codes(1, 1), want) {
			t.Errorf("codes %v, want %v", r.Codes(1, 1), want)
		}
		c.Bias[0] += sign
		if n.Check() == nil {
			t.Errorf("a sum of %d passes", int64(sign)*(1<<31))
		}
	}
}

// leaves calls visit for every number, flag and slice inside v.
func leaves(v reflect.Value, visit func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			leaves(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), visit)
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice {
			visit(v)
		}
		for i := range v.Len() {
			leaves(v.Index(i), visit)
		}
	case reflect.String:
	default:
		visit(v)
	}
}

// Networks with a few numbers replaced by bad ones are refused by Check, or run
// without panic and give finite logits.
func TestHostileNetworks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pool := threads.New(2)
	defer pool.Close()
	ints := []int64{-1, 0, 1, 2, 3, 7, 8, 9, 127, 128, 255, 256, 65536, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64}
	floats := []float64{0, math.Copysign(0, -1), 1, -1, 1e-45, 1e-38, 1e-30, 1e30, math.MaxFloat32, math.Inf(1), math.Inf(-1), math.NaN()}
	refused, ran := 0, 0
	for range 2000 {
		n := every()
		if rng.IntN(2) == 0 {
			n = integertest.Random(rng)
		}
		for range 1 + rng.IntN(2) {
			var all []reflect.Value
			leaves(reflect.ValueOf(n), func(v reflect.Value) { all = append(all, v) })
			switch v := all[rng.IntN(len(all))]; v.Kind() {
			case reflect.Int, reflect.Int8, reflect.Int32:
				v.SetInt(ints[rng.IntN(len(ints))])
			case reflect.Uint8:
				v.SetUint(uint64(ints[rng.IntN(len(ints))]) & 255)
			case reflect.Float32:
				v.SetFloat(floats[rng.IntN(len(floats))])
			case reflect.Bool:
				v.SetBool(!v.Bool())
			case reflect.Slice:
				if v.Len() > 0 {
					v.SetLen(rng.IntN(v.Len()))
				}
			}
		}
		if n.Check() != nil {
			refused++
			continue
		}
		r, err := integer.NewTracer(n, pool, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range run(t, r, integertest.Pictures(rng, n, 2), 2) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("a logit is %g for %+v", v, n)
			}
		}
		for i, tensor := range n.Tensors {
			lo, hi := tensor.Range()
			written := i == 0
			for _, l := range n.Layers {
				written = written || l.Output() == i
			}
			for _, c := range r.Codes(i, 2) {
				if written && (c < lo || c > hi) {
					t.Fatalf("tensor %d has code %d, outside of %d..%d", i, c, lo, hi)
				}
			}
		}
		n.Describe()
		ran++
	}
	if refused < 500 || ran < 300 {
		t.Errorf("%d networks were refused and %d ran; want many of both", refused, ran)
	}
}

// Without threads there is no runner, and no panic.
func TestNoThreads(t *testing.T) {
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	for _, pool := range []*threads.Pool{nil, {}} {
		if _, err := integer.NewRunner(net, pool, 1); err == nil || !strings.Contains(err.Error(), "threads.New") {
			t.Errorf("error %v, want one that names threads.New", err)
		}
	}
}

// Joined tensors have the codes and pixels of the whole; tables hold a code for each of the input.
func TestCheckTables(t *testing.T) {
	for want, change := range map[string]func(c *integer.Concat, l *integer.Lookup, n *integer.Network){
		"":                       func(*integer.Concat, *integer.Lookup, *integer.Network) {},
		"do not join to (2,2,4)": func(_ *integer.Concat, _ *integer.Lookup, n *integer.Network) { n.Tensors[2].C = 4 },
		"(2,3,3) do not join":    func(_ *integer.Concat, _ *integer.Lookup, n *integer.Network) { n.Tensors[0].W, n.Tensors[1].W = 3, 3 },
		"(2,2,3) and (2,4,3) do not join": func(c *integer.Concat, _ *integer.Lookup, n *integer.Network) {
			n.Tensors[0].W, c.A, c.B = 4, 1, 0
			n.Layers[0] = &integer.MaxPool{Name: "half", In: 0, Out: 1, Window: networks.Window{Kernel: networks.Size{H: 1, W: 1}, Stride: networks.Size{H: 1, W: 2}}}
		},
		"must have the same bits":                func(_ *integer.Concat, _ *integer.Lookup, n *integer.Network) { n.Tensors[1].Scale = 0.3 },
		"tables of 15 entries, want 16":          func(_ *integer.Concat, l *integer.Lookup, _ *integer.Network) { l.Table = l.Table[1:] },
		"entry 3 is 9, want a code from 1 to 7":  func(_ *integer.Concat, l *integer.Lookup, _ *integer.Network) { l.Table[3] = 9 },
		"entry 3 is 0, want a code from 1 to 7":  func(_ *integer.Concat, l *integer.Lookup, _ *integer.Network) { l.Table[3] = 0 },
		"tensor 2 is (2,2,6), tensor 3 is (2,2,": func(_ *integer.Concat, _ *integer.Lookup, n *integer.Network) { n.Tensors[3].C = 5 },
	} {
		in := integer.Tensor{H: 2, W: 2, C: 3, Bits: 4, Scale: 0.2}
		joint := in
		joint.C = 6
		n := &integer.Network{Tensors: []integer.Tensor{in, in, joint, {H: 2, W: 2, C: 6, Bits: 3, Signed: true, Narrow: true, Scale: 0.1, ZeroPoint: 4}}}
		c := &integer.Concat{Name: "concat", A: 0, B: 1, Out: 2}
		l := &integer.Lookup{Name: "lookup", In: 2, Out: 3, Table: []uint8{1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 1, 2}}
		n.Layers = []integer.Layer{&integer.Requantize{Name: "same", In: 0, Out: 1, Hi: 15}, c, l,
			&integer.Linear{Name: "linear", In: 3, Out: 1, Weights: make([]int8, 24), WeightBits: 2, Scale: []float32{1}, Bias: []int32{0}}}
		change(c, l, n)
		if err := n.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}
