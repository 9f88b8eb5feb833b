package syntax

import (
	"regexp"
	"strconv"
	"strings"
)

// plainString matches text that YAML reads as a string without quotes.
var plainString = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./+-]*(:[A-Za-z0-9_./+-]+)*( [A-Za-z0-9_./+(),-]+)*$`)

var notPlain = regexp.MustCompile(`^(?i:true|false|null|yes|no|on|off|y|n)$`)

// Quote writes s as a YAML scalar that is read back as the string s.
func Quote(s string) string {
	if plainString.MatchString(s) && !notPlain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// Flow writes the value on one line, in YAML that [Parse] reads back.
func (n *Node) Flow() string {
	switch n.Kind {
	case Map:
		var all []string
		for _, e := range n.Entries {
			value := e.Value.Flow()
			if e.Value.Kind == Null {
				value = ""
			}
			all = append(all, inFlow(e.Key)+": "+value)
		}
		return "{" + strings.Join(all, ", ") + "}"
	case List:
		var all []string
		for _, item := range n.Items {
			all = append(all, item.Flow())
		}
		return "[" + strings.Join(all, ", ") + "]"
	case String:
		return inFlow(n.Text)
	case Null, Bad:
		return "null"
	}
	return n.Text
}

// inFlow is [Quote] between brackets, where a comma ends a text.
func inFlow(s string) string {
	if strings.ContainsAny(s, ", ") {
		return strconv.Quote(s)
	}
	return Quote(s)
}
