package read

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/syntax"
)

// scope is what words stand for at a place.
type scope struct {
	values map[string]string
	before string // the node before this round of the innermost repeat; "" outside of one
}

func (s scope) words() []string { return slices.Sorted(maps.Keys(s.values)) }

// suggest ends a message about a word that stands for nothing.
func (s scope) suggest(word string) string { return syntax.Suggest(word, s.words()) }

// maxLists is the largest number of lists that a repeat has.
const maxLists = 100

const repeatKeys = "times, as, with, nodes"

var wordPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// repeat appends the nodes of each round.
func (d *decoder) repeat(n *syntax.Node, s scope) {
	const want = "repeat: {times: 3, as: i, nodes: [...]}"
	if n.Kind != syntax.Map {
		d.report(n, "repeat: wanted a map with keys %s; found %s", repeatKeys, n.Describe())
		return
	}
	found := len(*d.errs)
	var times int
	var counter string
	var nodes *syntax.Node
	lists := map[string][]*syntax.Node{}
	word := func(n *syntax.Node, text string) {
		_, taken := s.values[text]
		switch {
		case !wordPattern.MatchString(text):
			d.report(n, "repeat: %q is no word; wanted letters, digits and _", syntax.Shorten(text))
		case taken || text == classesWord || text == "same" || text == "kernel":
			d.report(n, "repeat: %q stands for something else here; wanted another word", syntax.Shorten(text))
		}
	}
	for _, e := range n.Entries {
		switch e.Key {
		case "times":
			if i, err := strconv.Atoi(e.Value.Text); e.Value.Kind != syntax.Int || err != nil || i < 1 || i > maxNodes {
				d.report(e.Value, "repeat.times: wanted a whole number from 1 to %d; found %s", maxNodes, e.Value.Describe())
			} else {
				times = i
			}
		case "as":
			counter = e.Value.Text
			word(e.Value, counter)
		case "with":
			if e.Value.Kind != syntax.Map {
				d.report(e.Value, "repeat.with: wanted lists by words, such as {width: [16, 32, 64]}; found %s", e.Value.Describe())
			}
			if len(e.Value.Entries) > maxLists {
				d.report(e.Value, "repeat.with: %d lists; wanted at most %d", len(e.Value.Entries), maxLists)
				return
			}
			for _, l := range e.Value.Entries {
				word(&syntax.Node{Pos: l.Pos, Kind: syntax.String}, l.Key)
				if lists[l.Key] = l.Value.Items; l.Value.Kind != syntax.List || len(l.Value.Items) == 0 {
					d.report(l.Value, "repeat.with.%s: wanted a list of values, one a round; found %s", syntax.Shorten(l.Key), emptyOr(l.Value))
				}
			}
		case "nodes":
			nodes = e.Value
		default:
			d.errs.Report(e.Pos, "unexpected key %q in repeat%s; allowed: %s", syntax.Shorten(e.Key), d.suggest(e.Key, strings.Split(repeatKeys, ", ")), repeatKeys)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		list := lists[key]
		if times == 0 {
			times = len(list)
		}
		if len(list) > 0 && len(list) != times {
			d.report(n, "repeat.with.%s: %d values for %d rounds; wanted one a round", syntax.Shorten(key), len(list), times)
		}
		if _, ok := lists[counter]; ok {
			d.report(n, "repeat: %q is a counter and a list; wanted two words", counter)
		}
		for _, item := range list {
			if item.Kind != syntax.Int && item.Kind != syntax.String || len(item.Text) > maxName {
				d.report(item, "repeat.with.%s: wanted whole numbers or short words; found %s", syntax.Shorten(key), item.Describe())
			}
		}
	}
	if len(*d.errs) > found {
		return
	}
	if times == 0 || nodes == nil {
		d.report(n, "repeat: wanted times, or lists in with, and nodes: %s", want)
		return
	}
	for i := range times {
		if d.full || len(*d.errs) > found { // each round has the mistakes of the first
			return
		}
		round := scope{values: maps.Clone(s.values), before: d.previous}
		if round.values == nil {
			round.values = map[string]string{}
		}
		if counter != "" {
			round.values[counter] = strconv.Itoa(i)
		}
		for key, list := range lists {
			round.values[key] = list[i].Text
		}
		d.list(nodes, round)
	}
}
