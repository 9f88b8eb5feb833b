package read

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/syntax"
)

var cifar = networks.Shape{H: 32, W: 32, C: 3}

// build reads a network for CIFAR-10.
func build(t *testing.T, text string) *networks.Network {
	t.Helper()
	s, err := Parse("net.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.Build(cifar, 10)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Each kind of operation has a row, with each of its attributes, and no other row is there.
func TestOps(t *testing.T) {
	for _, op := range networks.Ops() {
		o, ok := operations[op.Kind()]
		if !ok {
			t.Errorf("%s cannot be read", op.Kind())
			continue
		}
		if made := o.make(o.defaults()); made.Kind() != op.Kind() || o.doc == "" {
			t.Errorf("%s makes %s; documented as %q", op.Kind(), made.Kind(), o.doc)
		}
	}
	if len(operations) != len(networks.Ops()) {
		t.Errorf("%d rows for %d operations", len(operations), len(networks.Ops()))
	}
}

// What YAML says of each operation is what the network has.
func TestOperations(t *testing.T) {
	for _, tt := range []struct {
		yaml string
		want networks.Op
	}{
		{"conv: {out: 4, kernel: 3}", networks.Conv{Out: 4, Window: networks.Square(3, 1, 0), Groups: 1}},
		{"conv: {out: classes, kernel: [3, 1], stride: [2, 1], pad: [1, 2, 3, 4], groups: 2, bias: true}", networks.Conv{Out: 10, Groups: 2, Bias: true,
			Window: networks.Window{Kernel: networks.Size{H: 3, W: 1}, Stride: networks.Size{H: 2, W: 1}, Pad: networks.Pad{Top: 1, Left: 2, Bottom: 3, Right: 4}}}},
		{"conv: {out: 4, kernel: 3, stride: 2, pad: same}", networks.Conv{Out: 4, Window: networks.Same(networks.Shape{H: 16, W: 16, C: 8}, networks.Size{H: 3, W: 3}, networks.Size{H: 2, W: 2}), Groups: 1}},
		{"conv: {out: 4, kernel: 1, start: he_uniform}", networks.Conv{Out: 4, Window: networks.Square(1, 1, 0), Groups: 1, Start: networks.HeUniform}},
		{"linear: {out: 5}", networks.Linear{Out: 5}},
		{"linear: {out: 5, start: uniform}", networks.Linear{Out: 5}},
		{"linear: {out: 5, start: normal}", networks.Linear{Out: 5, Start: networks.Normal}},
		{"linear: {out: classes, bias: false}", networks.Linear{Out: 10, NoBias: true}},
		{"batch_norm:", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}},
		{"batch_norm: {eps: 0.001, momentum: 0.01}", networks.BatchNorm{Eps: 1e-3, Momentum: 0.01}},
		{"relu", networks.ReLU{}},
		{"relu6: {}", networks.ReLU6{}},
		{"leaky_relu", networks.LeakyReLU{Slope: 0.01}},
		{"leaky_relu: {slope: 0.2}", networks.LeakyReLU{Slope: 0.2}},
		{"prelu", networks.PReLU{}},
		{"rprelu", networks.RPReLU{}},
		{"{add: , from: [in, in]}", networks.Add{}},
		{"{add: {real: true}, from: [in, in]}", networks.Add{Real: true}},
		{"{concat: , from: [in, in, in]}", networks.Concat{}},
		{"shortcut: {out: 16, stride: 2}", networks.Shortcut{Out: 16, Stride: 2}},
		{"flatten", networks.Flatten{}},
		{"dropout", networks.Dropout{Rate: 0.5}},
		{"dropout: {rate: 0.1}", networks.Dropout{Rate: 0.1}},
		{"max_pool: {kernel: 3}", networks.MaxPool{Window: networks.Square(3, 3, 0)}},
		{"max_pool: {kernel: 3, stride: 2, pad: 1, ceil_mode: true}", networks.MaxPool{Window: networks.Square(3, 2, 1), Ceil: true}},
		{"average_pool: {kernel: 2}", networks.AveragePool{Window: networks.Square(2, 2, 0), CountPad: true}},
		{"average_pool: {kernel: 2, stride: kernel, ceil_mode: true, count_include_pad: false}", networks.AveragePool{Window: networks.Square(2, 2, 0), Ceil: true}},
		{"global_average_pool", networks.GlobalAveragePool{}},
	} {
		pool := ""
		if strings.Contains(tt.yaml, "linear") {
			pool = "  - global_average_pool\n"
		}
		n := build(t, "nodes:\n  - {name: in, conv: {out: 8, kernel: 2, stride: 2}}\n"+pool+"  - "+tt.yaml+"\n  - flatten\n  - linear: {out: classes}\n")
		if got := n.Nodes[len(n.Nodes)-3].Op; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v; want %+v", tt.yaml, got, tt.want)
		}
	}
}

// Each network of the zoo, written as YAML, is read as itself.
func TestZoo(t *testing.T) {
	for _, a := range networks.Archs() {
		for _, form := range append(a.Forms, "") {
			want, err := networks.Build(a.Name, networks.Options{Input: a.Input, Classes: a.Classes, Form: form})
			if err != nil {
				if form == networks.DoReFa {
					continue // for other images
				}
				t.Fatal(err)
			}
			text := "nodes:\n"
			for _, n := range want.Nodes {
				text += fmt.Sprintf("- {name: %s, from: [%s], %s}\n", n.Name, strings.Join(n.Inputs, ", "), written(n.Op))
			}
			s, err := Parse(a.Name, []byte(text))
			if err != nil {
				t.Errorf("%s: %v", a.Name, err)
				continue
			}
			got, err := s.Build(a.Input, a.Classes)
			if err != nil {
				t.Errorf("%s: %v", a.Name, err)
				continue
			}
			for i, n := range got.Nodes {
				w := want.Nodes[i]
				if c, ok := w.Op.(networks.Conv); ok {
					c.Groups = max(c.Groups, 1)
					w.Op = c
				}
				if !reflect.DeepEqual(n, w) {
					t.Errorf("%s: %+v; want %+v", a.Name, n, w)
				}
			}
			again, err := Parse(a.Name, []byte(strings.Join(s.Lines(), "\n")))
			if err != nil || again.Flow() != s.Flow() || !reflect.DeepEqual(stripped(again), stripped(s)) {
				t.Errorf("%s: its lines are another network: %v", a.Name, err)
			}
		}
	}
}

// stripped are the nodes without places.
func stripped(s *Source) []node {
	var all []node
	for _, n := range s.nodes {
		n.pos, n.froms = syntax.Pos{}, syntax.Pos{}
		all = append(all, n)
	}
	return all
}

// written is an operation in YAML, with each attribute.
func written(op networks.Op) string {
	window := func(w networks.Window) string {
		p := w.Pad
		return fmt.Sprintf("kernel: [%d, %d], stride: [%d, %d], pad: [%d, %d, %d, %d]", w.Kernel.H, w.Kernel.W, w.Stride.H, w.Stride.W, p.Top, p.Left, p.Bottom, p.Right)
	}
	attributes := ""
	switch o := op.(type) {
	case networks.Conv:
		attributes = fmt.Sprintf("out: %d, %s, groups: %d, bias: %t, start: %s", o.Out, window(o.Window), max(o.Groups, 1), o.Bias, cmp.Or(o.Start, networks.He))
	case networks.Linear:
		attributes = fmt.Sprintf("out: %d, bias: %t, start: %s", o.Out, !o.NoBias, cmp.Or(o.Start, networks.Uniform))
	case networks.BatchNorm:
		attributes = fmt.Sprintf("eps: %g, momentum: %g", o.Eps, o.Momentum)
	case networks.Add:
		attributes = fmt.Sprintf("real: %t", o.Real)
	case networks.Shortcut:
		attributes = fmt.Sprintf("out: %d, stride: %d", o.Out, o.Stride)
	case networks.Dropout:
		attributes = fmt.Sprintf("rate: %g", o.Rate)
	case networks.MaxPool:
		attributes = fmt.Sprintf("%s, ceil_mode: %t", window(o.Window), o.Ceil)
	case networks.AveragePool:
		attributes = fmt.Sprintf("%s, ceil_mode: %t, count_include_pad: %t", window(o.Window), o.Ceil, o.CountPad)
	}
	return fmt.Sprintf("%s: {%s}", op.Kind(), attributes)
}

// Repeats count from 0, give names their counter and attributes their lists, and know what stood before a round.
func TestRepeat(t *testing.T) {
	n := build(t, `nodes:
  - {name: stem, conv: {out: 8, kernel: 3, pad: 1}}
  - repeat:
      as: stage
      with: {width: [8, 16], step: [1, 2]}
      nodes:
        - {name: "s{stage}.down", conv: {out: width, kernel: 3, stride: step, pad: 1}}
        - repeat:
            times: 2
            as: i
            nodes:
              - {name: "s{stage}.{i}.conv", conv: {out: width, kernel: 3, pad: 1}}
              - {name: "s{stage}.{i}.add", add: , from: ["s{stage}.{i}.conv", before]}
              - relu
  - global_average_pool
  - linear: {out: classes}
`)
	var got []string
	for _, node := range n.Nodes {
		line := node.Name + " <- " + strings.Join(node.Inputs, " ")
		if c, ok := node.Op.(networks.Conv); ok {
			line += fmt.Sprintf(" %d/%d", c.Out, c.Stride.H)
		}
		got = append(got, line)
	}
	want := []string{"stem <- input 8/1",
		"s0.down <- stem 8/1", "s0.0.conv <- s0.down 8/1", "s0.0.add <- s0.0.conv s0.down", "relu1 <- s0.0.add",
		"s0.1.conv <- relu1 8/1", "s0.1.add <- s0.1.conv relu1", "relu2 <- s0.1.add",
		"s1.down <- relu2 16/2", "s1.0.conv <- s1.down 16/1", "s1.0.add <- s1.0.conv s1.down", "relu3 <- s1.0.add",
		"s1.1.conv <- relu3 16/1", "s1.1.add <- s1.1.conv relu3", "relu4 <- s1.1.add",
		"global_average_pool1 <- relu4", "linear1 <- global_average_pool1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Mistakes come all at once, with their places, and name what is right.
func TestMistakes(t *testing.T) {
	end := "\n- global_average_pool\n- linear: {out: classes}\n"
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", []string{"1:1: a network: wanted a map with keys nodes, input; found an empty value"}},
		{"- relu", []string{"1:1: a network: wanted a map with keys nodes, input; found a list"}},
		{"input: [32, 32, 3]", []string{"1:1: nodes is missing"}},
		{"node: []", []string{`1:1: unexpected key "node" (did you mean "nodes"?); allowed: nodes, input`}},
		{"name: mine\nmodel: {arch: resnet20}\ninput: 3", []string{`1:1: unexpected key "name": this is no network, which has the keys nodes, input`}},
		{"nodes: []", []string{"1:8: nodes: wanted a list of nodes", "found an empty list"}},
		{"nodes: 3", []string{"1:8: nodes: wanted a list of nodes", "found 3"}},
		{"input: [32, 32]\nnodes: [relu]", []string{"1:8: input: wanted [height, width, channels], whole numbers from 1 to 65536 (the list has 2 numbers); found a list"}},
		{"input: 32\nnodes: [relu]", []string{"1:8: input: wanted [height, width, channels], whole numbers from 1 to 65536; found 32"}},
		{"nodes:\n- convv: {out: 3}\n- {name: 3 4, relux: }\n- {relu: , max_pool: {kernel: 2}}\n- [relu]" + end, []string{
			`2:3: unknown operation "convv" (did you mean "conv"?); there are: conv, linear, `, `3:10: name: wanted a name of at most 100 letters, digits, _, - and dots; found the string "3 4"`,
			`3:15: unknown operation "relux" (did you mean "relu"?)`, `4:12: "max_pool" is a second operation beside "relu"`, `5:3: a node: wanted an operation, such as {conv: {out: 16, kernel: 3}} or relu; found a list`}},
		{"nodes:\n- conv: {kernal: 3, out: 0}\n- conv: 3\n- conv: {out: wide, kernel: [3], pad: sam, bias: 1}\n- dropout: {rate: .nan}" + end, []string{
			`2:10: unexpected key "kernal" in conv (did you mean "kernel"?); allowed: out, kernel, stride, pad, groups, bias`,
			`2:26: conv.out: wanted a whole number from 1 to 65536, or the word of one, such as classes; found 0`, `3:9: conv: wanted a map with keys out, kernel,`, `4:15: conv.out: wanted`,
			`4:29: conv.kernel: wanted a whole number from 1 to 65536, or the word of one, or [height, width] (the list has 1 numbers); found a list`,
			`4:39: conv.pad: wanted a whole number from 0 to 65536, [top, left, bottom, right], or same; found the string "sam"`, `4:50: conv.bias: wanted true or false; found 1`, `5:19: dropout.rate: wanted a finite number`}},
		{"nodes:\n- {name: a, relu: }\n- {name: a, relu: }\n- {name: input, relu: }\n- {name: relu6, relu: , from: b}\n- add\n- {add: , from: [a, a, a]}\n- {concat: , from: a}\n- {relu: , from: [a, a]}\n- {relu: , from: before}" + end, []string{
			`3:10: the name "a" is taken by the node at net.yaml:2:13`, `4:10: name: "input" stands for what the network`, `5:31: from: no node above is called "b" (did you mean "a"?)`, `6:3: `, `7:17: add "add2" reads 2 nodes; wanted from: [branch, stream]`,
			`8:20: concat "concat1" reads 2 nodes or more`, `9:18: relu "relu5" reads one node, and from names 2`, `10:18: from: before is the node before a round of a repeat`}},
		{"nodes:\n- {name: a, relu: , from: a}" + end, []string{`2:27: from: no node above is called "a"`}},
		{"nodes:\n- {name: relu2, relu: }\n- relu" + end, []string{`3:3: the name "relu2" is taken by the node at net.yaml:2:17; give this node a name`}},
		{"nodes:\n- {name: a, relu: }\n- {name: b, relu: }\n- {name: c, relu: , from: a}" + end, []string{`3:13: relu "b": no node reads it; name it in the from of one, or remove it`}},
		{"nodes:\n- add" + end, []string{`2:3: add "add1" reads 2 nodes; wanted from: [branch, stream]`}},
		{"nodes:\n- repeat: {tims: 2, nodes: [relu]}\n- {repeat: {times: 0, as: classes, nodes: [relu]}, name: x}\n- repeat: {times: 2, with: {a: [1], b: 3, c: [{}, 1]}, nodes: [relu]}\n- repeat: 3\n- repeat: {nodes: [relu]}" + end, []string{
			`2:12: unexpected key "tims" in repeat (did you mean "times"?); allowed: times, as, with, nodes`, `3:20: repeat.times: wanted a whole number from 1 to 1000; found 0`, `3:27: repeat: "classes" stands for something else here`,
			`3:52: a repeat has no name; its nodes have`, `4:11: repeat.with.a: 1 values for 2 rounds`, `4:40: repeat.with.b: wanted a list of values`, `4:47: repeat.with.c: wanted whole numbers or short words; found a map`, `5:11: repeat: wanted a map`, `6:11: repeat: wanted times, or lists in with, and nodes`}},
		{"nodes:\n- repeat: {as: i, with: {i: [1]}, nodes: [relu]}" + end, []string{`2:11: repeat: "i" is a counter and a list; wanted two words`}},
		{"nodes:\n- repeat: {times: 2, as: i, nodes: [{repeat: {times: 2, as: i, nodes: [relu]}}]}" + end, []string{`2:61: repeat: "i" stands for something else here`}},
		{"nodes:\n- conv: {out: 65537, kernel: 1}" + end, []string{`2:15: conv.out: wanted a whole number from 1 to 65536`}},
		{"nodes:\n- repeat: {times: 3, as: i, nodes: [{name: 'x{j}', relu: }, {conv: {out: 3}}]}" + end, []string{`2:44: name: {j} stands for nothing here (did you mean "i"?); repeats name their counter and lists`, `2:62: conv: kernel is missing`}},
		{"nodes:\n- {name: a.conv, conv: {out: 8, kernel: 64}}\n- {name: b, conv: {out: 8, kernel: 3, groups: 2}, from: input}\n- {name: c, add: , from: [a.conv, b]}\n- linear: {out: 10}", []string{
			`2:18: conv "a.conv": a window of 64x64 over an input of 32x32x3, padded by 0; expected one that fits in it`, `3:13: conv "b": groups is 2, of an input of 32x32x3`}},
		{"nodes:\n- linear: {out: 10}", []string{`2:3: linear "linear1": the input is 32x32x3; expected 1x1 pixels: pool or flatten it`}},
		{"nodes:\n- relu: 3" + end, []string{`2:9: relu has no attributes; found 3`}},
		{"nodes:\n- dropout: {rate: 1}" + end, []string{`2:3: dropout "dropout1": rate is 1; expected 0 or more and less than 1; input 32x32x3`}},
		{"nodes:\n- flatten\n- linear: {out: 12}", []string{`3:3: linear "linear1": the network ends with 1x1x12; wanted 1x1x10, a value for each class, such as linear: {out: classes}`}},
		{"input: [224, 224, 3]\nnodes:\n- flatten" + end, []string{"1:8: input is 224x224x3, and the images are 32x32x3"}},
	} {
		_, err := Parse("net.yaml", []byte(tt.text))
		if err == nil {
			s, _ := Parse("net.yaml", []byte(tt.text))
			_, err = s.Build(cifar, 10)
		}
		var list syntax.ErrorList
		if !errors.As(err, &list) {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s\ngot\n%v\nwant %s", tt.text, err, want)
			}
		}
		if kernal := "conv: kernel is missing"; strings.Contains(tt.text, "kernal") && strings.Contains(err.Error(), kernal) {
			t.Errorf("%s\ngot\n%v\nwant no line for a key that is there by another word", tt.text, err)
		}
	}
}

// However large what is said, it ends in a line, soon.
func TestHostile(t *testing.T) {
	nested := "relu: "
	for range 20 {
		nested = "repeat: {times: 1000, nodes: [{" + nested + "}]}"
	}
	bad := strings.Replace(nested, "relu: ", "wrong: ", 1)
	deep := strings.Repeat("{repeat: {times: 2, nodes: [", 200) + "relu" + strings.Repeat("]}}", 200)
	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, "key_%d: [1], ", i)
	}
	keys := many.String()
	for name, tt := range map[string]struct{ text, want string }{
		"nested":  {"nodes: [{" + nested + "}]", "more than 1000 nodes"},
		"wrong":   {"nodes: [{" + bad + "}]", "unknown operation"},
		"deep":    {"nodes: [" + deep + "]", "nested deeper than 64 levels"},
		"times":   {"nodes: [{repeat: {times: 1000000000, nodes: [relu]}}]", "repeat.times: wanted a whole number from 1 to 1000; found 1000000000"},
		"anchors": {"nodes: &a [*a, *a]\n", "YAML anchors and aliases are not supported"},
		"many":    {"nodes: [" + strings.Repeat("relu, ", 1<<15) + "]", "more than 1000 nodes"},
		"names":   {"nodes: [{repeat: {times: 1000, as: i, nodes: [{name: '" + strings.Repeat("{i}", 1<<17) + "', relu: }]}}]", "a name of 393216 bytes; wanted at most 100"},
		"from":    {"nodes: [{repeat: {times: 900, nodes: [{concat: , from: [" + strings.Repeat("input, ", 1<<14) + "]}]}}]", "from: 16384 names; wanted at most 1000"},
		"reads":   {"nodes: [{name: c, relu: }, {repeat: {times: 900, nodes: [{concat: , from: [before" + strings.Repeat(", c", 999) + "]}]}}]", "read more than 10000 others in all"},
		"unknown": {"nodes: [{concat: , from: [" + strings.Repeat("an_unknown_name_of_some_length, ", 999) + "]}]", "more mistakes"},
		"keys":    {"nodes: [{repeat: {times: 900, nodes: [{conv: {" + keys + "}}]}}]", "more mistakes"},
		"lists":   {"nodes: [{repeat: {times: 900, with: {" + keys + "}, nodes: [relu]}}]", "repeat.with: 20000 lists; wanted at most 100"},
		"large":   {"nodes: [{conv: {out: 65536, kernel: 65536, pad: 65536}}, {conv: {out: 65536, kernel: 3}}, flatten, {linear: {out: classes}}]", "wanted at most 2147483648 values in each"},
		"slow":    {"nodes: [{conv: {out: 2000, kernel: 1, pad: 500}}, {conv: {out: 2000, kernel: 22}}, global_average_pool, {linear: {out: classes}}]", "times; wanted at most 1e+15"},
		"flat":    {"nodes: [{conv: {out: 60000, kernel: 1}}, flatten, {linear: {out: 60000}}, {linear: {out: classes}}]", "wanted at most 2147483648 values in each"},
		"padded":  {"nodes: [{conv: {out: 1, kernel: 1, pad: 65536}}, {conv: {out: 1, kernel: 1, pad: 65536}}, flatten, {linear: {out: classes}}]", "wanted at most 2147483648 values in each"},
	} {
		begin := time.Now()
		s, err := Parse("net.yaml", []byte(tt.text))
		if err == nil {
			_, err = s.Build(cifar, 10)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "\n") > syntax.MaxFindings || len(err.Error()) > 20_000 {
			t.Errorf("%s: %.2000v; want %s", name, err, tt.want)
		}
		t.Logf("%s: %v", name, time.Since(begin))
	}
}

// The limit counts nodes, and no repeats of them.
func TestMostNodes(t *testing.T) {
	for _, times := range []int{98, 99} {
		text := fmt.Sprintf("nodes: [{repeat: {times: 9, nodes: [{repeat: {times: 100, nodes: [relu]}}]}}, {repeat: {times: %d, nodes: [relu]}}, global_average_pool, {linear: {out: classes}}]", times)
		if s, err := Parse("net.yaml", []byte(text)); (err == nil) != (times == 98) || err == nil && len(s.nodes) != maxNodes {
			t.Errorf("%d nodes: %v", 902+times, err)
		}
	}
}

// FuzzParse holds that any text ends in a network or in errors with places, and that a network is what its lines say.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"nodes: [{conv: {out: 8, kernel: [3, 1], pad: same}}, batch_norm, relu, flatten, {linear: {out: classes}}]",
		"input: [32, 32, 3]\nnodes:\n- {name: a, relu: }\n- repeat: {as: i, with: {w: [3, 3]}, nodes: [{name: 'b{i}', conv: {out: w, kernel: 1}}, {add: , from: [before, 'b{i}']}]}\n- global_average_pool\n- {linear: {out: classes}}",
		"nodes: [{repeat: {times: 1e9, nodes: [{repeat: {}}]}}]", "nodes: [{from: [], name: , prelu: }]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("net.yaml", text)
		if err != nil {
			var list syntax.ErrorList
			if !errors.As(err, &list) || len(list) == 0 || list[0].Pos.File == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := Parse("net.yaml", []byte(strings.Join(s.Lines(), "\n")))
		if err != nil || !reflect.DeepEqual(stripped(again), stripped(s)) {
			t.Fatalf("its lines are another network: %v\n%s", err, strings.Join(s.Lines(), "\n"))
		}
		n, err := s.Build(cifar, 10)
		if err == nil {
			_, err = n.Shapes()
			if err != nil {
				t.Fatal(err)
			}
		} else if list := (syntax.ErrorList)(nil); !errors.As(err, &list) {
			t.Fatalf("%v", err)
		}
	})
}
