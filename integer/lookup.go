package integer

import (
	"fmt"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// Lookup is any function of each code, with one table or one for each channel:
//
//	code = Table[c][code - lowest code of the input]
//
// Tables are as long as the input has codes.
type Lookup struct {
	Name    string
	In, Out int
	Table   []uint8
}

// LayerName implements Layer.
func (l *Lookup) LayerName() string { return l.Name }

// Kind implements Layer.
func (l *Lookup) Kind() string { return "lookup" }

// Output implements Layer.
func (l *Lookup) Output() int { return l.Out }

// Inputs implements Layer.
func (l *Lookup) Inputs() []int { return []int{l.In} }

// Codes is the number of codes of the input, Tables that of tables.
func (l *Lookup) Codes(n *Network) int {
	lo, hi := n.tensor(l.In).Range()
	return int(hi) - int(lo) + 1
}

// Tables is 1 or the number of channels.
func (l *Lookup) Tables(n *Network) int { return len(l.Table) / l.Codes(n) }

func (l *Lookup) check(n *Network) error {
	if err := sameShape(n, l.In, l.Out); err != nil {
		return err
	}
	in, codes := n.tensor(l.In), l.Codes(n)
	if len(l.Table) != codes && len(l.Table) != codes*in.C {
		return fmt.Errorf("tables of %d entries, want %d for all channels, or %d", len(l.Table), codes, codes*in.C)
	}
	lo, hi := n.tensor(l.Out).Range()
	for i, v := range l.Table {
		if v < lo || v > hi {
			return fmt.Errorf("entry %d is %d, want a code from %d to %d", i, v, lo, hi)
		}
	}
	return nil
}

// Dyadic implements Layer: there is nothing to multiply.
func (l *Lookup) Dyadic(*Network) ([]dyadic.Multiplier, error) { return nil, nil }

func (l *Lookup) prepare(r *Runner, _ []dyadic.Multiplier) kernels.Loop {
	in := r.net.Tensors[l.In]
	src, dst := r.codes[l.In], r.codes[l.Out]
	codes, tables := l.Codes(r.net), l.Tables(r.net)
	lo, _ := in.Range()
	if tables == 1 {
		var table [256]uint8
		copy(table[lo:], l.Table)
		return each(func(s *kernels.Scratch, i int) { kernels.MapBytes(dst.At(s, i), src.At(s, i), &table) })
	}
	return each(func(s *kernels.Scratch, i int) {
		x, y := src.At(s, i), dst.At(s, i)
		for p := 0; p < len(x); p += in.C {
			for c, v := range x[p:][:in.C] {
				y[p+c] = l.Table[c*codes+int(v-lo)]
			}
		}
	})
}
