package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/qat-go/qat/sensitivity"
)

// print tells of an allocation and a front.
func (a *allocation) print(w io.Writer, r *chosen) error {
	if r.Allocation != nil {
		if err := printAllocation(w, r.Allocation); err != nil {
			return err
		}
	}
	if r.Front != nil {
		if err := printFront(w, r.Front); err != nil {
			return err
		}
	}
	for _, file := range a.out {
		say(w, "wrote %s", file)
	}
	return nil
}

func printAllocation(w io.Writer, a *sensitivity.Allocation) error {
	t := newTable(w, "LAYER", "WEIGHTS", "ACTIVATIONS", "LOSS", "SIZE", "BITOPS").dropping("BITOPS", "SIZE")
	for _, l := range a.Layers {
		loss := "fixed"
		if !l.Fixed {
			loss = threeDigits(l.Loss)
		}
		t.row(l.Name, widthOf(l.WeightBits), widthOf(l.ActivationBits), loss, size((l.SizeBits+7)/8), count(l.BitOps))
	}
	if err := t.flush(); err != nil {
		return err
	}
	say(w, "")
	t = newTable(w)
	for _, x := range a.Spent {
		text := x.Cost.Format(x.Amount)
		if x.Limit > 0 {
			text += " of " + x.Cost.Format(x.Limit)
		}
		t.row(string(x.Cost), text)
	}
	optimum := "the least that there is: proven"
	if !a.Proven {
		optimum = fmt.Sprintf("no choice loses less than %s; whether one loses less than this is not known", threeDigits(a.Bound))
	}
	t.row("loss", fmt.Sprintf("%s by %s, %s", threeDigits(a.Loss), a.Method, optimum))
	if err := t.flush(); err != nil {
		return err
	}
	if len(a.Uniform) > 0 {
		say(w, "")
		t = newTable(w, "ONE WIDTH", "LOSS", "SIZE", "BITOPS")
		for _, u := range a.Uniform {
			t.row(bitsOf(u.Weights), threeDigits(u.Loss), sensitivity.Size.Format(8*float64(u.SizeBytes)), count(u.BitOps))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	for _, n := range a.Notes {
		if err := sayWithin(w, "%s", n); err != nil {
			return err
		}
	}
	return nil
}

// widthOf is a width of a row.
func widthOf(bits int) string {
	if bits == floatBits {
		bits = 0
	}
	return bitsOf(bits)
}

// frontRows are how many choices of a front are printed.
const frontRows = 20

func printFront(w io.Writer, f *sensitivity.Front) error {
	say(w, "")
	say(w, "%d choices that no other beats in %s and loss by %s", len(f.Points), f.Cost, f.Method)
	t := newTable(w, strings.ToUpper(string(f.Cost)), "LOSS", "GROUPS OF LAYERS AT BITS OF WEIGHTS").breaking()
	for _, p := range f.Thin(frontRows) {
		groups := map[int]int{}
		for _, x := range p.Widths {
			groups[x.Weights]++
		}
		var counts []string
		for bits := range 33 {
			if groups[bits] > 0 {
				counts = append(counts, fmt.Sprintf("%d at %d", groups[bits], bits))
			}
		}
		t.row(f.Cost.Format(p.Amount), threeDigits(p.Loss), strings.Join(counts, ", "))
	}
	return t.flush()
}
