package read

import (
	"slices"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/syntax"
)

type object = map[string]any

// The JSON Schemas of attributes. A text stands for a word of a repeat.
var (
	sizeSchema    = object{"anyOf": []any{object{"type": "integer", "minimum": 1, "maximum": most}, object{"type": "string"}}}
	pairSchema    = object{"anyOf": []any{sizeSchema, listSchema(2, sizeSchema)}}
	outSchema     = object{"anyOf": []any{object{"const": classesWord}, sizeSchema}}
	padSchema     = object{"anyOf": []any{object{"const": "same"}, padSize, listSchema(4, padSize)}}
	padSize       = object{"anyOf": []any{object{"type": "integer", "minimum": 0, "maximum": most}, object{"type": "string"}}}
	numberSchema  = object{"type": "number"}
	booleanSchema = object{"type": "boolean"}
)

func listSchema(n int, items object) object {
	return object{"type": "array", "minItems": n, "maxItems": n, "items": items}
}

// definitions is where Schema and Definitions refer to.
const definitions = "#/$defs/"

// Schema is the JSON Schema of a network, beside the [Definitions] of its document.
func Schema() object {
	return object{"type": "object", "required": []string{"nodes"}, "additionalProperties": false, "properties": object{
		"nodes": object{"$ref": definitions + "nodes"},
		"input": object{"description": "Height, width and channels of the images that the network is for.", "type": "array", "minItems": 3, "maxItems": 3,
			"items": object{"type": "integer", "minimum": 1, "maximum": most}},
	}}
}

// Definitions are what [Schema] refers to, under "$defs": lists of nodes, which repeats hold again.
func Definitions() object {
	name := object{"type": []string{"string", "integer"}, "maxLength": 10 * maxName}
	properties := object{
		"name": object{"description": "The node's name; by default its operation and a number.", "anyOf": []any{name}},
		"from": object{"description": "The node above that it reads, or several; by default the one before.", "anyOf": []any{name, object{"type": "array", "items": name, "minItems": 1}}},
		"repeat": object{"description": "Nodes several times, with words for what differs.", "type": "object", "required": []string{"nodes"}, "additionalProperties": false, "properties": object{
			"times": object{"description": "How often; by default, as often as the lists in with have values.", "type": "integer", "minimum": 1, "maximum": maxNodes},
			"as":    object{"description": "A word for the number of the round, from 0.", "type": "string", "pattern": wordPattern.String()},
			"with": object{"description": "Words with a list of values, one a round.", "type": "object", "maxProperties": maxLists,
				"additionalProperties": object{"type": "array", "minItems": 1, "items": object{"type": []string{"integer", "string"}}}},
			"nodes": object{"$ref": definitions + "nodes"},
		}},
	}
	var alone []string
	one := []any{object{"required": []string{"repeat"}}}
	for _, op := range networks.Ops() {
		kind := op.Kind()
		schema, complete := operations[kind].schema()
		if properties[string(kind)] = schema; complete {
			alone = append(alone, string(kind))
		}
		one = append(one, object{"required": []string{string(kind)}})
	}
	slices.Sort(alone)
	return object{"nodes": object{"type": "array", "minItems": 1, "items": object{"anyOf": []any{
		object{"description": "An operation without attributes.", "enum": alone},
		object{"type": "object", "additionalProperties": false, "properties": properties, "oneOf": one},
	}}}}
}

// schema is that of the operation's attributes; complete tells that it needs none.
func (o operation) schema() (s object, complete bool) {
	properties, required := object{}, []string{}
	for _, a := range o.attributes {
		p := object{"description": a.doc}
		for key, v := range a.schema {
			p[key] = v
		}
		if a.def == "" {
			required = append(required, a.key)
		} else {
			p["default"] = a.jsonDefault()
		}
		properties[a.key] = p
	}
	s = object{"description": o.doc, "additionalProperties": false, "properties": properties, "type": []string{"object", "null"}}
	if complete = len(required) == 0; !complete {
		s["type"], s["required"] = "object", required
	}
	return s, complete
}

// jsonDefault is the default as its YAML reads.
func (a attribute) jsonDefault() any {
	n := syntax.Parse([]byte(a.def), func(int, int) syntax.Pos { return syntax.Pos{} }, new(syntax.ErrorList))
	switch n.Kind {
	case syntax.Bool:
		return n.Text == "true"
	case syntax.Int, syntax.Float:
		var v float64
		number(&v, n)
		return v
	}
	return a.def
}
