package main

import (
	"fmt"
	"math"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// term is a value of a linear map, times a factor.
type term struct {
	k  int
	by float64
}

// one returns a value as it is, in a sum of its own.
func one(k int) []term { return []term{{k, 1}} }

// linear is a linear map of a few inputs. Its values are the inputs and then sums of values before them, each in order:
// the first term as it is or multiplied, the others added, subtracted or fused.
type linear struct {
	name    string
	inputs  int
	sums    [][]term
	outputs []int   // values
	rows    [][]int // outputs that share sums, for a set of many registers
	doc     string
}

// separate are rows that share nothing.
func separate(n int) (rows [][]int) {
	for i := range n {
		rows = append(rows, []int{i})
	}
	return rows
}

// alike are rows of which neighbours share sums, but for the first and the last.
var alike = [][]int{{0}, {1, 2}, {3, 4}, {5}}

// The maps of Winograd's F(2, 3) and F(4, 3), on rows and columns of small squares.
var winograd = []linear{
	{"winogradInput", 4, [][]term{{{0, 1}, {2, -1}}, {{1, 1}, {2, 1}}, {{2, 1}, {1, -1}}, {{3, 1}, {1, -1}}}, []int{4, 5, 6, 7}, separate(4),
		"f(d) = d0-d2, d1+d2, d2-d1, d3-d1"},
	{"winogradOutput", 4, [][]term{{{0, 1}, {1, 1}, {2, 1}}, {{1, 1}, {2, -1}, {3, 1}}}, []int{4, 5}, separate(2),
		"f(m) = (m0+m1)+m2, (m1-m2)+m3"},
	{"winogradWeights", 3, [][]term{{{0, 1}, {2, 1}, {1, 1}}, {{0, 1}, {2, 1}, {1, -1}}, {{3, 0.5}}, {{4, 0.5}}}, []int{0, 5, 6, 2}, separate(4),
		"f(g) = g0, ((g0+g2)+g1)/2, ((g0+g2)-g1)/2, g2"},
	{"winogradOutputGrad", 2, [][]term{{{0, 1}, {1, 1}}, {{0, 1}, {1, -1}}}, []int{0, 2, 3, 1}, separate(4),
		"f(y) = y0, y0+y1, y0-y1, y1"},
	{"winogradWeightsGrad", 4, [][]term{{{1, 1}, {2, 1}}, {{4, 0.5}}, {{5, 1}, {0, 1}}, {{1, 1}, {2, -1}}, {{7, 0.5}}, {{5, 1}, {3, 1}}}, []int{6, 8, 9}, separate(3),
		"f(m) = (m1+m2)/2+m0, (m1-m2)/2, (m1+m2)/2+m3"},

	{"winogradInput4", 6, [][]term{
		{{4, 1}, {2, -45. / 16}, {0, 81. / 64}},
		{{4, 1}, {2, -9. / 4}}, {{3, 1}, {1, -9. / 4}}, {{7, 1}, {8, 3. / 4}}, {{7, 1}, {8, -3. / 4}},
		{{4, 1}, {2, -9. / 16}}, {{3, 1}, {1, -9. / 16}}, {{11, 1}, {12, 3. / 2}}, {{11, 1}, {12, -3. / 2}},
		{{5, 1}, {3, -45. / 16}, {1, 81. / 64}},
	}, []int{6, 9, 10, 13, 14, 15}, alike,
		"f(d) = d4-45/16*d2+81/64*d0, e+3/4*o, e-3/4*o, E+3/2*O, E-3/2*O, d5-45/16*d3+81/64*d1\n" +
			"\t  e = d4-9/4*d2, o = d3-9/4*d1, E = d4-9/16*d2, O = d3-9/16*d1"},
	{"winogradOutput4", 6, [][]term{
		{{1, 1}, {2, 1}}, {{3, 1}, {4, 1}}, {{1, 1}, {2, -1}}, {{3, 1}, {4, -1}}, {{8, 3. / 4}}, {{9, 3. / 2}},
		{{0, 1}, {6, 1}, {7, 1}}, {{10, 1}, {11, 1}}, {{6, 9. / 16}, {7, 9. / 4}}, {{5, 1}, {10, 9. / 16}, {11, 9. / 4}},
	}, []int{12, 13, 14, 15}, [][]int{{0, 2}, {1, 3}},
		"f(m) = m0+s+S, d+D, 9/16*s+9/4*S, m5+9/16*d+9/4*D\n" +
			"\t  s = m1+m2, S = m3+m4, d = 3/4*(m1-m2), D = 3/2*(m3-m4)"},
	{"winogradWeights4", 3, [][]term{
		{{0, 64. / 81}},
		{{0, 1}, {2, 9. / 16}}, {{4, 1}, {1, 3. / 4}}, {{4, 1}, {1, -3. / 4}}, {{5, -128. / 243}}, {{6, -128. / 243}},
		{{0, 1}, {2, 9. / 4}}, {{9, 1}, {1, 3. / 2}}, {{9, 1}, {1, -3. / 2}}, {{10, 32. / 243}}, {{11, 32. / 243}},
	}, []int{3, 7, 8, 12, 13, 2}, alike,
		"f(g) = 64/81*g0, -128/243*(e+3/4*g1), -128/243*(e-3/4*g1), 32/243*(E+3/2*g1), 32/243*(E-3/2*g1), g2\n" +
			"\t  e = g0+9/16*g2, E = g0+9/4*g2"},
	{"winogradOutputGrad4", 4, [][]term{
		{{0, 1}, {2, 9. / 16}}, {{1, 1}, {3, 9. / 16}}, {{4, 1}, {5, 3. / 4}}, {{4, 1}, {5, -3. / 4}},
		{{0, 1}, {2, 9. / 4}}, {{1, 1}, {3, 9. / 4}}, {{8, 1}, {9, 3. / 2}}, {{8, 1}, {9, -3. / 2}},
	}, []int{0, 6, 7, 10, 11, 3}, alike,
		"f(y) = y0, e+3/4*o, e-3/4*o, E+3/2*O, E-3/2*O, y3\n" +
			"\t  e = y0+9/16*y2, o = y1+9/16*y3, E = y0+9/4*y2, O = y1+9/4*y3"},
	{"winogradWeightsGrad4", 6, [][]term{
		{{1, 1}, {2, 1}}, {{3, 1}, {4, 1}}, {{1, 1}, {2, -1}}, {{3, 1}, {4, -1}},
		{{7, 1}, {6, -4}, {0, 6}}, {{10, 32. / 243}}, {{9, 1}, {8, -1}, {8, -1}}, {{12, 16. / 81}}, {{7, 1}, {6, -1}}, {{5, 1}, {14, 8. / 27}},
	}, []int{11, 13, 15}, [][]int{{0, 2}, {1}},
		"f(m) = 32/243*(S-4*s+6*m0), 16/81*(D-d-d), m5+8/27*(S-s)\n" +
			"\t  s = m1+m2, S = m3+m4, d = m1-m2, D = m3-m4"},
}

// lines emits a map, many times.
type lines struct {
	s      isa
	f      linear
	factor map[float64]reg.VecPhysical // but for 1
	free   []reg.VecPhysical
}

// lines loads the factors of a map into the last registers. The first, so many, are not used.
func (s isa) lines(f linear, used int) *lines {
	l := &lines{s: s, f: f, factor: map[float64]reg.VecPhysical{}}
	next := s.last()
	r := GP32()
	for _, sum := range f.sums {
		for i, t := range sum {
			by := t.by
			if i > 0 { // added or subtracted
				by = math.Abs(by)
			}
			if by != 1 && l.factor[by] == nil {
				v := s.v(next)
				MOVL(operand.U32(math.Float32bits(float32(by))), r)
				if s.wide() {
					VPBROADCASTD(r, v)
				} else {
					VMOVD(r, v.AsX())
					VPBROADCASTD(v.AsX(), v)
				}
				l.factor[by] = v
				next--
			}
		}
	}
	for i := used; i <= next; i++ {
		l.free = append(l.free, s.v(i))
	}
	return l
}

// emit computes some outputs of inputs at the given operands, each into a register, if there is one for it, and calls done.
func (l *lines) emit(outputs []int, at func(k int) operand.Op, into func(o int) reg.VecPhysical, done func(o int, v operand.Op)) {
	uses := make([]int, l.f.inputs+len(l.f.sums))
	var count func(v int)
	count = func(v int) {
		if uses[v]++; uses[v] == 1 && v >= l.f.inputs {
			for _, t := range l.f.sums[v-l.f.inputs] {
				count(t.k)
			}
		}
	}
	for _, o := range outputs {
		count(l.f.outputs[o])
	}
	values, own := make([]operand.Op, len(uses)), make([]reg.VecPhysical, len(uses))
	for k := range l.f.inputs {
		values[k] = at(k)
	}
	release := func(v int) {
		if uses[v]--; uses[v] == 0 && own[v] != nil {
			l.free = append([]reg.VecPhysical{own[v]}, l.free...)
		}
	}
	var value func(v int, z reg.VecPhysical)
	value = func(v int, z reg.VecPhysical) {
		if values[v] != nil {
			return
		}
		sum := l.f.sums[v-l.f.inputs]
		for _, t := range sum {
			value(t.k, nil)
		}
		if z == nil {
			if len(l.free) == 0 {
				panic("too few registers for " + l.f.name)
			}
			z, l.free = l.free[0], l.free[1:]
			own[v] = z
		}
		values[v] = z
		l.sum(sum, values, z)
		for _, t := range sum {
			release(t.k)
		}
	}
	for _, o := range outputs {
		v, z := l.f.outputs[o], into(o)
		value(v, z)
		if z != nil && values[v] != operand.Op(z) {
			VMOVUPS(values[v], z)
		}
		done(o, values[v])
		release(v)
	}
}

// sum emits z = a sum of values.
func (l *lines) sum(sum []term, values []operand.Op, z reg.VecPhysical) {
	x, t := values[sum[0].k], sum[0]
	_, inRegister := x.(reg.VecPhysical)
	switch {
	case t.by != 1:
		VMULPS(x, l.factor[t.by], z)
		x = z
	case !inRegister || len(sum) > 1 && math.Abs(sum[1].by) != 1:
		VMOVUPS(x, z)
		x = z
	}
	for _, t := range sum[1:] {
		switch y := values[t.k]; t.by {
		case 1:
			VADDPS(y, x, z)
		case -1:
			VSUBPS(y, x, z)
		default:
			if t.by > 0 {
				VFMADD231PS(y, l.factor[t.by], z)
			} else {
				VFNMADD231PS(y, l.factor[-t.by], z)
			}
		}
		x = z
	}
}

func (s isa) winograd() {
	for _, f := range winograd {
		s.text(f.name, "func(dst, src *float32, tiles, blocks, dstRow, dstCol, dstTile, srcRow, srcCol, srcTile int)", fmt.Sprintf(
			"for t < tiles, l < 16*blocks, with x[k][j] = src[t*srcTile + k*srcRow + j*srcCol + l]:\n"+
				"\t  z[i][j] = f(x[0][j], ...)[i], dst[t*dstTile + i*dstRow + o*dstCol + l] = f(z[i][0], ...)[o]\n\n%s.", f.doc))
		s.squares(f)
	}
}

// squares emits a map of the columns, then of the rows, of squares.
func (s isa) squares(f linear) {
	groups := f.rows
	if !s.wide() {
		groups = separate(len(f.outputs))
	}
	most := 0 // rows together
	for _, rows := range groups {
		most = max(most, len(rows))
	}
	l := s.lines(f, most*f.inputs)
	src, dst := make([]reg.Register, f.inputs), load("dst")
	src[0] = load("src")
	row := loadScaled("srcRow", 2)
	for k := 1; k < f.inputs; k++ {
		src[k] = GP64()
		LEAQ(indexed(src[k-1], row, 1), src[k])
	}
	in := steps(loadScaled("srcCol", 2), f.inputs)
	out := steps(loadScaled("dstCol", 2), len(f.outputs))

	// From the end of a tile's channels to the start of the next tile.
	srcNext, dstNext, dstRow, tiles, blocks := AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8), AllocLocal(8)
	width, r := GP64(), GP64()
	MOVQ(loadScaled("blocks", 6), width)
	for _, n := range []struct {
		name string
		to   operand.Mem
	}{{"srcTile", srcNext}, {"dstTile", dstNext}} {
		r := loadScaled(n.name, 2)
		SUBQ(width, r)
		MOVQ(r, n.to)
	}
	MOVQ(loadScaled("dstRow", 2), r)
	MOVQ(r, dstRow)
	MOVQ(load("tiles"), r)
	MOVQ(r, tiles)

	all := make([]int, len(f.outputs))
	for o := range all {
		all[o] = o
	}
	Label("tile")
	MOVQ(load("blocks"), r)
	MOVQ(r, blocks)
	Label("block")
	to := GP64()
	for h := range s.parts() {
		part := func(m operand.Mem) operand.Mem {
			m.Disp = h * s.size
			return m
		}
		last := -1
		for _, rows := range groups {
			z := func(i, j int) reg.VecPhysical { return s.v(slices.Index(rows, i)*f.inputs + j) }
			for j := range f.inputs {
				l.emit(rows, func(k int) operand.Op { return part(in(src[k], j)) },
					func(i int) reg.VecPhysical { return z(i, j) }, func(int, operand.Op) {})
			}
			for _, i := range rows {
				if i < last || last < 0 {
					MOVQ(dst, to)
					last = 0
				}
				for ; last < i; last++ {
					ADDQ(dstRow, to)
				}
				l.emit(all, func(k int) operand.Op { return z(i, k) }, func(int) reg.VecPhysical { return nil },
					func(o int, v operand.Op) { VMOVUPS(v, part(out(to, o))) })
			}
		}
	}
	for _, r := range append([]reg.Register{dst}, src...) {
		ADDQ(operand.Imm(64), r)
	}
	DECQ(blocks)
	JNZ(operand.LabelRef("block"))
	for _, r := range src {
		ADDQ(srcNext, r)
	}
	ADDQ(dstNext, dst)
	DECQ(tiles)
	JNZ(operand.LabelRef("tile"))
	VZEROUPPER()
	RET()
}
