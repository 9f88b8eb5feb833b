package syntax

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Mistake is a frequent one in text that is not YAML, at a column that counts characters from 1.
type Mistake struct {
	Line, Column int
	Message      string
}

// BadText finds bytes that no YAML has: they are not UTF-8, or control characters.
func BadText(text string) (m Mistake, found bool) {
	m.Line, m.Column = 1, 1
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		m.Message = "the text is UTF-16; save it as UTF-8"
		return m, true
	}
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			m.Message = fmt.Sprintf("the byte 0x%02x is not UTF-8; save the file as UTF-8", text[i])
			return m, true
		case r == '\n':
			m.Line, m.Column = m.Line+1, 1
			continue
		case r < ' ' && r != '\t' && r != '\r' || r == 0x7f:
			m.Message = fmt.Sprintf("the control character U+%04X; remove it", r)
			return m, true
		}
		m.Column++
	}
	return m, false
}

var (
	tabIndent = regexp.MustCompile(`^ *\t`)
	// quoted is a double-quoted text on one line, where a value may begin.
	quoted    = regexp.MustCompile(`(?:^|[\s:,\[{])"(?:[^"\\]|\\.)*"?`)
	badEscape = regexp.MustCompile(`^(?:[^\\]|\\[0abt\tnvfre "/\\N_LPxuU])*\\[^0abt\tnvfre "/\\N_LPxuU]`)
	reserved  = regexp.MustCompile("(?:^|[:,\\[{-])\\s*([@`%])")
	twoColons = regexp.MustCompile(`^\s*(?:- )?[^\s"'#:]+:\s+[^\s"'#\[{][^"'#]*?:(?:\s|$)`)
)

// explain finds the mistake in text for which the parser gave up with a message that names a line, not before that line;
// without a better explanation it is the message, where that line begins.
func explain(text string, line int, message string) Mistake {
	lines := strings.Split(text, "\n")
	line = min(max(line, 1), len(lines))
	for i, l := range lines[line-1:] {
		at := func(index int, format string, args ...any) Mistake {
			return Mistake{line + i, utf8.RuneCountInString(l[:index]) + 1, fmt.Sprintf(format, args...)}
		}
		if end := tabIndent.FindString(l); end != "" && strings.TrimSpace(l) != "" {
			return at(len(end)-1, "a tab indents the line; YAML wants spaces")
		}
		for _, q := range quoted.FindAllStringIndex(l, -1) {
			if bad := badEscape.FindString(l[q[0]:q[1]]); bad != "" {
				backslash := q[0] + strings.LastIndexByte(bad, '\\')
				return at(backslash, `%s is no escape of a text in double quotes; write '...' with one backslash, or "..." with \\`, Shorten(l[backslash:q[0]+len(bad)]))
			}
		}
		if m := reserved.FindStringSubmatchIndex(l); m != nil && strings.Contains(message, "cannot start any token") {
			return at(m[2], "a value cannot begin with %s; put it in quotes", l[m[2]:m[3]])
		}
		if m := twoColons.FindStringIndex(l); m != nil && strings.Contains(message, "mapping values are not allowed") {
			return at(strings.LastIndexByte(l[:m[1]], ':'), `a second "key:" in the line; put a text with a colon in quotes, and a key on a line of its own`)
		}
	}
	if m, found := misindented(lines); found && strings.Contains(message, "did not find expected") {
		return m
	}
	l := lines[line-1]
	return Mistake{line, len(l) - len(strings.TrimLeft(l, " ")) + 1, message}
}

// misindented finds the first line that goes back to an indentation that no open level has.
func misindented(lines []string) (m Mistake, found bool) {
	levels := []int{0}
	for i, l := range lines {
		text := strings.TrimLeft(l, " ")
		if text == "" || text[0] == '#' {
			continue
		}
		n, inner := len(l)-len(text), levels[len(levels)-1]
		for n < levels[len(levels)-1] {
			levels = levels[:len(levels)-1]
		}
		outer := levels[len(levels)-1]
		if n > outer && n < inner {
			return Mistake{i + 1, n + 1, fmt.Sprintf("the line is indented by %d; wanted %d or %d, as a line above it", n, inner, outer)}, true
		}
		if n > outer {
			levels = append(levels, n)
		}
	}
	return m, false
}

// Shorten keeps what messages quote to a length that people read.
func Shorten(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "..."
}
