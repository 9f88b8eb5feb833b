package syntax

import (
	"reflect"
	"testing"
)

// plain is a value without the text of what is empty, of which there are several.
func plain(n *Node) *Node {
	if n.Kind == Null {
		n.Text = ""
	}
	for _, e := range n.Entries {
		plain(e.Value)
	}
	for _, item := range n.Items {
		plain(item)
	}
	return n
}

// What Flow writes is read back as the same value.
func TestFlow(t *testing.T) {
	at := func(int, int) Pos { return Pos{} }
	for _, text := range []string{
		"{a: 1, b: [1.5, -2e3, true, x], c: , d: null, e: {}, f: []}",
		`["a, b", "a b", 'it''s', "", "3", "true", "null", "~", "- x", "#", "é", "a: b", "{i}.x", "\ttab", "\"", "a,b", "[", "2026-01-02"]`,
		`{"a, b": 1, "true": x, "3": y}`, "3", "word", "[~]", "[{a: }]",
	} {
		var errs ErrorList
		n := Parse([]byte(text), at, &errs)
		again := Parse([]byte(n.Flow()), at, &errs)
		if len(errs) > 0 || !reflect.DeepEqual(plain(n), plain(again)) {
			t.Errorf("%s is written as %s, errors %v", text, n.Flow(), errs)
		}
	}
}
