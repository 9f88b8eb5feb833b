package quantize

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// DOT is a network as a graph in the language of Graphviz: for each node its name, its operation and the shape of what it gives.
// Quantizers stand on the edge of the input, and in the node of the weights or the output, that they quantize; the border of
// such a node is bold.
func DOT(n *networks.Network, q *configs.Quant) ([]byte, error) {
	sites, err := Place(n, q)
	if err != nil {
		return nil, err
	}
	shapes, err := n.Shapes()
	if err != nil {
		return nil, err
	}
	inputs, inside := map[string]string{}, map[string][]string{}
	for _, s := range sites {
		switch s.Role {
		case Input:
			inputs[s.Node] = s.String()
		case Weights:
			inside[s.Node] = append(inside[s.Node], "weights "+s.String())
		case Output:
			inside[s.Node] = append(inside[s.Node], "output "+s.String())
		}
	}
	var b bytes.Buffer
	b.WriteString("digraph {\n  node [shape=box]\n")
	fmt.Fprintf(&b, "  %s [label=%s, shape=oval]\n", quoted(networks.Input), quoted(networks.Input, n.Input.String()))
	for _, node := range n.Nodes {
		style := ""
		if len(inside[node.Name]) > 0 {
			style = ", style=bold"
		}
		lines := append([]string{node.Name, operation(node.Op), shapes[node.Name].String()}, inside[node.Name]...)
		fmt.Fprintf(&b, "  %s [label=%s%s]\n", quoted(node.Name), quoted(lines...), style)
		for _, from := range node.Inputs {
			label := ""
			if in, ok := inputs[node.Name]; ok {
				label = fmt.Sprintf(" [label=%s, style=bold]", quoted(in))
			}
			fmt.Fprintf(&b, "  %s -> %s%s\n", quoted(from), quoted(node.Name), label)
		}
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

// String is "4-bit unsigned lsq".
func (s Site) String() string {
	sign := "unsigned"
	if s.Signed {
		sign = "signed"
	}
	return fmt.Sprintf("%d-bit %s %s", s.Spec.Bits, sign, s.Spec.Estimator)
}

// operation is "conv 3x3/2": kernel and stride of what has a window, and groups if there are several.
func operation(op networks.Op) string {
	text := string(op.Kind())
	o, ok := op.(interface{ Slides() networks.Window })
	if !ok {
		return text
	}
	w := o.Slides()
	if text += fmt.Sprintf(" %v/", w.Kernel); w.Stride.H == w.Stride.W {
		text += fmt.Sprint(w.Stride.H)
	} else {
		text += w.Stride.String()
	}
	if c, ok := op.(networks.Conv); ok && c.Groups > 1 {
		text += fmt.Sprintf(" g%d", c.Groups)
	}
	return text
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "", "\x00", "")

// quoted is a text of lines in DOT.
func quoted(lines ...string) string {
	for i, l := range lines {
		lines[i] = escapes.Replace(l)
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
