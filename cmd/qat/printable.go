package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Names come from files: of tensors, classes, layers, keys, files. Whatever is printed
// goes through printable, so that no file reaches the terminal with escape sequences,
// line breaks, or characters that reorder or hide text.

// printable writes what is not a graphic character as Go's escapes do: \x1b, \u202e.
func printable(s string) string {
	clean := true
	for _, r := range s {
		clean = clean && r != utf8.RuneError && strconv.IsPrint(r)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += n
	}
	return b.String()
}

// say prints a line.
func say(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintln(w, printable(fmt.Sprintf(format, args...)))
	return err
}

// printableJSON escapes in JSON what encoding/json leaves as it is and a terminal obeys.
func printableJSON(js []byte) []byte {
	var b []byte
	for _, r := range string(js) {
		switch {
		case r == '\n' || strconv.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff: // a pair of surrogates
			r -= 0x10000
			b = fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}
