package syntax

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Suggest returns ` (did you mean "x"?)` for the candidate nearest to word,
// or "" when none is near.
func Suggest(word string, candidates []string) string {
	near := Nearest(word, candidates)
	return DidYouMean(near[:min(len(near), 1)])
}

// DidYouMean returns ` (did you mean "x" or "y"?)`, or "" for no names.
func DidYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return " (did you mean " + strings.Join(quoted, " or ") + "?)"
}

// Nearest returns the candidates that a typing slip could have meant, best
// first: at most one edit in three characters.
func Nearest(word string, candidates []string) []string {
	const longest = 64 // no key or layer name is longer; bounds the work
	if len(word) > longest {
		return nil
	}
	limit := max(1, len(word)/3)
	distance := map[string]int{}
	var near []string
	for _, c := range candidates {
		d := editDistance(strings.ToLower(word), strings.ToLower(c))
		if _, seen := distance[c]; !seen && d <= limit {
			distance[c] = d
			near = append(near, c)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
	return near
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours (Damerau 1964, restricted form).
func editDistance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			substitute := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				substitute++
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, substitute)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
