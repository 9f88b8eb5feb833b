package estimators

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Codebook is an estimator whose outputs are entries of a table of levels. It is exported as the table and the places
// in it. Levels that are integers times a scale are those of an [Integer] instead.
type Codebook interface {
	Estimator

	// Table returns the levels, of the tensor or of each channel; all channels have as many. Methods that take them from
	// the statistics of x need x.
	Table(x []float32, p Params) ([][]float32, error)

	// Indices writes the place in the table of each element of x. NaN has none and gets that of the value 0; the caller
	// who has indices only must check x.
	Indices(indices []int32, x []float32, p Params) error
}

// levelTable is a table of levels, ascending, with the thresholds between them: x up to and including a threshold has
// the level below it.
type levelTable struct {
	levels     []float32
	thresholds []float64
	places     []int32 // of the levels, in the order in which the method keeps them
}

// newLevelTable sorts the levels. The thresholds lie halfway between them, so the level of x is the nearest one, and
// the lower one at a tie.
func newLevelTable(levels []float32) (levelTable, error) {
	t := levelTable{levels: make([]float32, len(levels)), places: make([]int32, len(levels))}
	if len(levels) == 0 {
		return t, errors.New("a table without levels; expected at least one")
	}
	for i, l := range levels {
		if l-l != 0 { // NaN for NaN and the infinities
			return t, fmt.Errorf("level %d is %v; expected a finite number", i, l)
		}
		t.places[i] = int32(i)
	}
	slices.SortStableFunc(t.places, func(i, j int32) int {
		switch {
		case levels[i] < levels[j]:
			return -1
		case levels[i] > levels[j]:
			return 1
		}
		return 0
	})
	for i, place := range t.places {
		t.levels[i] = levels[place]
		if i > 0 {
			t.thresholds = append(t.thresholds, (float64(t.levels[i-1])+float64(t.levels[i]))/2)
		}
	}
	return t, nil
}

// newLevelTables returns the tables of the tensor or of each channel.
func newLevelTables(levels [][]float32) ([]levelTable, error) {
	tables := make([]levelTable, len(levels))
	for c := range levels {
		t, err := newLevelTable(levels[c])
		if err != nil {
			return nil, fmt.Errorf("channel %d: %w", c, err)
		}
		tables[c] = t
	}
	return tables, nil
}

// find is the position of the level of x, and of 0 for NaN.
func (t *levelTable) find(x float32) int {
	if x != x {
		x = 0
	}
	v := float64(x)
	if len(t.thresholds) < MaxStairs { // counting without branches beats searching
		position := 0
		for _, threshold := range t.thresholds {
			above := 0
			if v > threshold {
				above = 1
			}
			position += above
		}
		return position
	}
	return sort.Search(len(t.thresholds), func(i int) bool { return v <= t.thresholds[i] })
}

// lookUp writes the level of each element of x to y and its place to indices; either may be nil.
func lookUp(indices []int32, y, x []float32, tables []levelTable) error {
	err := checkChannels("table", len(tables), len(x))
	if err == nil {
		err = checkOutputs(indices, y, len(x))
	}
	if err != nil {
		return err
	}
	for i, v := range x {
		t := &tables[i%len(tables)]
		at := t.find(v)
		if indices != nil {
			indices[i] = t.places[at]
		}
		if y != nil {
			y[i] = t.levels[at]
			if v != v {
				y[i] = v
			}
		}
	}
	return nil
}
