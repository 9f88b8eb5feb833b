package onnx

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Unmarshal reads a file. It keeps what Model has and passes over the rest of
// the format, such as attributes of other types. Tensors share data's memory.
func Unmarshal(data []byte) (*Model, error) {
	m := &Model{}
	err := each(data, func(f field) (err error) {
		switch f.number {
		case modelIR:
			err = f.int(&m.IRVersion)
		case modelProducer:
			err = f.text(&m.Producer)
		case modelDoc:
			err = f.text(&m.Doc)
		case modelGraph:
			err = f.message(m.Graph.decode)
		case modelOpset:
			err = add(f, &m.Opsets, (*Opset).decode)
		case modelMetadata:
			err = add(f, &m.Metadata, (*Property).decode)
		case modelFunctions:
			err = add(f, &m.Functions, (*Function).decode)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// field is one field of a message: a number in v, or bytes in b.
type field struct {
	number protowire.Number
	kind   protowire.Type
	v      uint64
	b      []byte
}

// each calls read for the fields of a message.
func each(message []byte, read func(field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.v, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := read(f); err != nil {
			return err
		}
	}
	return nil
}

func (f field) want(kind protowire.Type) error {
	if f.kind != kind {
		return fmt.Errorf("field %d has wire type %d, want %d", f.number, f.kind, kind)
	}
	return nil
}

func (f field) int(v *int64) error {
	*v = int64(f.v)
	return f.want(protowire.VarintType)
}

func (f field) text(s *string) error {
	*s = string(f.b)
	return f.want(protowire.BytesType)
}

func (f field) texts(all *[]string) error {
	*all = append(*all, string(f.b))
	return f.want(protowire.BytesType)
}

// ints appends one number, or a packed list of them.
func (f field) ints(all *[]int64) error {
	if f.kind == protowire.VarintType {
		*all = append(*all, int64(f.v))
		return nil
	}
	for b := f.b; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		*all, b = append(*all, int64(v)), b[n:]
	}
	return f.want(protowire.BytesType)
}

func (f field) dataType(t *DataType) error {
	*t = DataType(f.v)
	return f.want(protowire.VarintType)
}

func (f field) message(read func(field) error) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	return each(f.b, read)
}

// add appends a message to a list.
func add[T any](f field, all *[]T, decode func(*T, field) error) error {
	var v T
	err := f.message(func(f field) error { return decode(&v, f) })
	*all = append(*all, v)
	return err
}

func (o *Opset) decode(f field) error {
	switch f.number {
	case opsetDomain:
		return f.text(&o.Domain)
	case opsetVersion:
		return f.int(&o.Version)
	}
	return nil
}

func (p *Property) decode(f field) error {
	switch f.number {
	case propertyKey:
		return f.text(&p.Key)
	case propertyValue:
		return f.text(&p.Value)
	}
	return nil
}

func (g *Graph) decode(f field) error {
	switch f.number {
	case graphNode:
		return add(f, &g.Nodes, (*Node).decode)
	case graphName:
		return f.text(&g.Name)
	case graphInitializer:
		return add(f, &g.Initializers, (*Tensor).decode)
	case graphInput:
		return add(f, &g.Inputs, (*Value).decode)
	case graphOutput:
		return add(f, &g.Outputs, (*Value).decode)
	}
	return nil
}

func (n *Node) decode(f field) error {
	switch f.number {
	case nodeInput:
		return f.texts(&n.Inputs)
	case nodeOutput:
		return f.texts(&n.Outputs)
	case nodeName:
		return f.text(&n.Name)
	case nodeOp:
		return f.text(&n.Op)
	case nodeDomain:
		return f.text(&n.Domain)
	case nodeAttribute:
		return add(f, &n.Attributes, (*Attribute).decode)
	}
	return nil
}

func (a *Attribute) decode(f field) (err error) {
	switch f.number {
	case attributeName:
		err = f.text(&a.Name)
	case attributeRef:
		err = f.text(&a.Ref)
	case attributeI:
		var v int64
		err = f.int(&v)
		a.Value = v
	case attributeS:
		var s string
		err = f.text(&s)
		a.Value = s
	case attributeInts:
		all, _ := a.Value.([]int64)
		err = f.ints(&all)
		a.Value = all
	case attributeType:
		if a.Value == nil {
			a.Value = map[uint64]any{typeInt: int64(0), typeString: "", typeInts: []int64(nil)}[f.v]
		}
		err = f.want(protowire.VarintType)
	}
	return err
}

func (t *Tensor) decode(f field) error {
	switch f.number {
	case tensorDims:
		return f.ints(&t.Dims)
	case tensorType:
		return f.dataType(&t.Type)
	case tensorName:
		return f.text(&t.Name)
	case tensorRaw:
		t.Data = f.b
		return f.want(protowire.BytesType)
	}
	return nil
}

func (v *Value) decode(f field) error {
	switch f.number {
	case valueName:
		return f.text(&v.Name)
	case valueType:
		return f.message(func(f field) error {
			if f.number != typeTensor {
				return nil
			}
			return f.message(v.decodeTensorType)
		})
	}
	return nil
}

func (v *Value) decodeTensorType(f field) error {
	switch f.number {
	case typeElement:
		return f.dataType(&v.Type)
	case typeShape:
		return f.message(func(f field) error {
			if f.number != shapeDim {
				return nil
			}
			return add(f, &v.Dims, (*Dim).decode)
		})
	}
	return nil
}

func (d *Dim) decode(f field) error {
	switch f.number {
	case dimValue:
		return f.int(&d.Size)
	case dimParam:
		return f.text(&d.Name)
	}
	return nil
}

func (fn *Function) decode(f field) error {
	switch f.number {
	case functionName:
		return f.text(&fn.Name)
	case functionInput:
		return f.texts(&fn.Inputs)
	case functionOutput:
		return f.texts(&fn.Outputs)
	case functionAttribute:
		return f.texts(&fn.Attributes)
	case functionNode:
		return add(f, &fn.Nodes, (*Node).decode)
	case functionDoc:
		return f.text(&fn.Doc)
	case functionOpset:
		return add(f, &fn.Opsets, (*Opset).decode)
	case functionDomain:
		return f.text(&fn.Domain)
	}
	return nil
}
