package configs

import (
	"encoding/json"

	"github.com/qat-go/qat/networks/read"
)

// Schema returns the JSON Schema (draft 2020-12) of a config file, for editors.
// It knows every key, type, range and choice; rules between keys, and what a
// file may leave to those it extends, are checked by Load.
func Schema() []byte {
	return schemaDocument(sectionSchema(table()), "qat experiment")
}

// NetworkSchema returns the JSON Schema of a network's file, which [Schema] has inside.
func NetworkSchema() []byte { return schemaDocument(read.Schema(), "qat network") }

func schemaDocument(s map[string]any, title string) []byte {
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"], s["$defs"] = title, read.Definitions()
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the table holds only what JSON can express, as a test checks
	}
	return append(b, '\n')
}

func sectionSchema(fields []field) map[string]any {
	properties := map[string]any{}
	for _, f := range fields {
		var s map[string]any
		switch {
		case f.each != nil:
			s = map[string]any{"type": "object", "additionalProperties": sectionSchema(f.each)}
		case f.fields != nil:
			s = sectionSchema(f.fields)
		default:
			s = f.kind.schema()
			if f.def != nil && f.at != nil && f.key != "name" {
				s["default"] = jsonDefault(f)
			}
		}
		s["description"] = f.doc
		properties[f.key] = s
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

// jsonDefault is the default as its YAML text reads.
func jsonDefault(f field) any {
	switch v := f.def.(type) {
	case Bits:
		if v > 0 {
			return int(v)
		}
	case Decay:
		if !v.Inherit {
			return v.Value
		}
	case Signed:
		if v != SignedAuto {
			return v == SignedTrue
		}
	case Regularizer:
		return 0
	case Duration, []Duration, []Setting, Statistic, [3]int, []Stage:
	default:
		return v
	}
	switch text := f.kind.format(f.def); text {
	case "[]":
		return []any{}
	case "{}":
		return map[string]any{}
	default:
		return text
	}
}
