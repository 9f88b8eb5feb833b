package estimators

import (
	"errors"
	"slices"
)

// Bins implements [Binned]: a bin is a level. With several rounds the thresholds move within an update, which must then
// see x, as it must with more than [MaxStairs] levels and with a basis for each channel.
func (l LQNets) Bins(state Params) (thresholds []float32, ok bool, err error) {
	t, err := l.table(state)
	if err != nil {
		return nil, false, prefixed("lq_nets", err)
	}
	for _, threshold := range t.thresholds {
		thresholds = append(thresholds, below(threshold))
	}
	return thresholds, len(t.levels) <= MaxStairs && max(l.Rounds, 1) == 1 && max(l.Scales, 1) == 1, nil
}

// UpdateBins implements [Binned].
func (l LQNets) UpdateBins(state Params, counts, sums []float64) error {
	t, err := l.table(state)
	if err == nil && max(l.Scales, 1) > 1 {
		err = errors.New("a basis for each channel; expected one for the tensor")
	}
	if err == nil {
		err = checkBins(counts, sums, len(t.levels))
	}
	if err != nil {
		return prefixed("lq_nets", err)
	}
	byCode := [2][]float64{make([]float64, len(counts)), make([]float64, len(sums))}
	for i, code := range t.places {
		byCode[0][code], byCode[1][code] = counts[i], sums[i]
	}
	next := slices.Clone(state[0])
	l.solve(next, 0, byCode[0], byCode[1])
	l.move(state[0], next)
	return nil
}

// table returns the levels of the first channel.
func (l LQNets) table(state Params) (levelTable, error) {
	l.state = state
	tables, err := l.tables(nil)
	if err != nil {
		return levelTable{}, err
	}
	return tables[0], nil
}

// solve replaces the basis of channel c by the one with the least squares for x of which counts[code] elements, with the
// sum sums[code], have each code.
func (l LQNets) solve(basis []float32, c int, counts, sums []float64) {
	const ridge = 1e-4
	channels, k := len(basis)/l.Bits, l.Bits
	a, b := make([][]float64, k), make([]float64, k)
	for j := range k {
		a[j] = make([]float64, k)
		a[j][j] = ridge
		b[j] = float64(ridge * float64(basis[j*channels+c]))
		for code := range counts {
			f := l.factor(code, j)
			b[j] += float64(f * sums[code])
			for h := range k {
				a[j][h] += f * l.factor(code, h) * counts[code] // exact
			}
		}
	}
	solveSymmetric(a, b)
	for j, v := range b {
		basis[j*channels+c] = float32(v)
	}
}
