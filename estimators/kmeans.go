package estimators

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

// KMeans is the weight sharing of Deep Compression, Han et al. 2016, https://arxiv.org/abs/1510.00149, section 3: the
// weights of a layer share 2^k centroids c, the learned codebook,
//
//	y = c[a],  a = the place of the centroid nearest to x
//
//	dc[j] = sum of dy over the elements with a = j    (equation 3)
//
// The paper assigns the weights once (equation 2), after the network is trained, and goes on with the centroids alone:
// then x has no part in y, and dx = 0. The assignment is the state; without it each call takes the nearest centroid.
// With Reassign, which is not the paper's, every call takes the nearest centroid and the gradient passes straight
// through to x, dx = dy, so that weights can change their cluster.
//
// The centroids start evenly spaced from min x to max x, the linear initialization of section 3.2, and then Lloyd's
// iterations minimise the sum of squares (x - c)^2. A tie between two centroids goes to the lower one. A centroid
// without members stays. x has any shape and one codebook. Where x is NaN, y is NaN, dx is 0 and no centroid gets dy;
// infinities have the outermost centroid.
type KMeans struct {
	Bits       int  // k, 1 to 8
	Reassign   bool // take the nearest centroid in every call
	Iterations int  // of Lloyd at most; 0 is 100

	state Params
}

var (
	_ Codebook = KMeans{}
	_ Stateful = KMeans{}
)

var kmeansOptions = []Option{
	{Name: "reassign", Doc: "1 takes the nearest centroid in every step, 0 keeps the first assignment", Max: 1},
	{Name: "iterations", Doc: "Lloyd's iterations at the start, at most", Default: 100, Min: 1, Max: 10000},
}

var _ = Register(Method{
	Name:    "kmeans",
	Source:  "Han et al. 2016, arXiv 1510.00149, section 3",
	Doc:     "2^k shared weights per layer, found by k-means and then learned",
	Weights: true, MinBits: 1, MaxBits: 8,
	Options: kmeansOptions,
	Is: func(s Spec) Traits {
		t := Traits{Levels: Table, Learned: []string{"codebook"}}
		if o, err := optionValues(kmeansOptions, s.Options); err == nil && o["reassign"] == 0 {
			t.State = []string{"assignment"}
		}
		return t
	},
	New: func(s Spec) (Estimator, error) {
		o, err := optionValues(kmeansOptions, s.Options)
		k := KMeans{Bits: s.Bits, Reassign: o["reassign"] != 0, Iterations: int(o["iterations"])}
		if err == nil {
			err = k.check()
		}
		if err == nil && s.Scales > 1 {
			err = fmt.Errorf("a codebook for each of %d channels; expected one, of the layer", s.Scales)
		}
		return k, prefixed("kmeans", err)
	},
})

func (k KMeans) check() error {
	if k.Bits < 1 || k.Bits > 8 {
		return fmt.Errorf("%d bits; expected 1 to 8", k.Bits)
	}
	if k.Iterations < 0 {
		return fmt.Errorf("%d iterations; expected a positive number, or 0 for 100", k.Iterations)
	}
	return nil
}

// Params is the codebook, of 2^k centroids.
func (k KMeans) Params() []Learned {
	return []Learned{{Name: "codebook", Len: 1 << max(k.Bits, 0)}}
}

// Init implements [Estimator]: the centroids of x. It is an error if x is empty or not finite.
func (k KMeans) Init(p Params, x []float32) error {
	err := k.checkCodebook(p)
	if err == nil {
		err = checkStatistics(x)
	}
	if err != nil {
		return prefixed("kmeans", err)
	}
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	n := len(p[0])
	lo, hi := float64(sorted[0]), float64(sorted[len(sorted)-1])
	centroids := make([]float64, n)
	for j := range centroids {
		centroids[j] = lo + (hi-lo)*float64(j)/float64(n-1)
	}
	iterations := k.Iterations
	if iterations == 0 {
		iterations = 100
	}
	lloyd(centroids, sorted, iterations)
	for j, c := range centroids {
		p[0][j] = float32(c)
	}
	return nil
}

// lloyd moves ascending centroids to the means of their members among the sorted x, until none moves. Sums over a run
// of sorted x are differences of running sums, so an iteration costs a search for each centroid and not a pass over x.
func lloyd(centroids []float64, sorted []float32, iterations int) {
	sums := make([]float64, len(sorted)+1)
	for i, v := range sorted {
		sums[i+1] = sums[i] + float64(v)
	}
	for range iterations {
		moved, begin := false, 0
		next := slices.Clone(centroids)
		for j := range centroids {
			end := len(sorted)
			if j+1 < len(centroids) {
				middle := (centroids[j] + centroids[j+1]) / 2
				end = sort.Search(len(sorted), func(i int) bool { return float64(sorted[i]) > middle })
			}
			if end > begin {
				next[j] = (sums[end] - sums[begin]) / float64(end-begin)
				moved = moved || next[j] != centroids[j]
				begin = end
			}
		}
		if !moved {
			return
		}
		copy(centroids, next)
	}
}

// State is the assignment: the place of each element's centroid. There is none with Reassign.
func (k KMeans) State(n int) []Learned {
	if k.Reassign {
		return nil
	}
	return []Learned{{Name: "assignment", Len: n}}
}

// Update implements [Stateful]: the first one assigns each element to the nearest centroid, and later ones do nothing.
func (k KMeans) Update(state Params, x []float32, p Params, step int) error {
	if k.Reassign {
		return prefixed("kmeans", checkParams("state arrays", state))
	}
	err := checkParams("state arrays", state, len(x))
	if err != nil || step != 0 {
		return prefixed("kmeans", err)
	}
	indices := make([]int32, len(x))
	k.state = nil
	if err := k.Indices(indices, x, p); err != nil {
		return err
	}
	for i, a := range indices {
		state[0][i] = float32(a)
	}
	return nil
}

// WithState implements [Stateful].
func (k KMeans) WithState(state Params) Estimator {
	k.state = state
	return k
}

// Table implements [Codebook]: the codebook in the order of the parameter, which need not be ascending.
func (k KMeans) Table(_ []float32, p Params) ([][]float32, error) {
	if err := k.checkCodebook(p); err != nil {
		return nil, prefixed("kmeans", err)
	}
	return [][]float32{slices.Clone(p[0])}, nil
}

// Indices implements [Codebook].
func (k KMeans) Indices(indices []int32, x []float32, p Params) error {
	if err := checkLength("indices", len(indices), len(x)); err != nil {
		return prefixed("kmeans", err)
	}
	if err := k.checkCodebook(p); err != nil {
		return prefixed("kmeans", err)
	}
	if k.Reassign || k.state == nil {
		t, err := newLevelTable(p[0])
		if err == nil {
			err = lookUp(indices, nil, x, []levelTable{t})
		}
		return prefixed("kmeans", err)
	}
	if err := checkParams("state arrays", k.state, len(x)); err != nil {
		return prefixed("kmeans", err)
	}
	for i, a := range k.state[0] {
		if !(a >= 0 && int(a) < len(p[0]) && a == float32(int(a))) {
			return prefixed("kmeans", fmt.Errorf("element %d is assigned to centroid %v; expected 0 to %d", i, a, len(p[0])-1))
		}
		indices[i] = int32(a)
	}
	return nil
}

// Forward implements [Estimator].
func (k KMeans) Forward(y, x []float32, p Params) error {
	if err := checkLength("y", len(y), len(x)); err != nil {
		return prefixed("kmeans", err)
	}
	indices := make([]int32, len(x))
	if err := k.Indices(indices, x, p); err != nil {
		return err
	}
	for i, v := range x {
		y[i] = p[0][indices[i]]
		if v != v {
			y[i] = v
		}
	}
	return nil
}

// Backward implements [Estimator].
func (k KMeans) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	if err := k.checkCodebook(p); err != nil {
		return prefixed("kmeans", err)
	}
	if err := checkGradients(dx, dy, len(x), dp, len(p[0])); err != nil {
		return prefixed("kmeans", err)
	}
	indices := make([]int32, len(x))
	if err := k.Indices(indices, x, p); err != nil {
		return err
	}
	sums := make([]float64, len(p[0]))
	for i, v := range x {
		g := dy[i]
		dx[i] = 0
		if v != v {
			continue
		}
		sums[indices[i]] += float64(g)
		if k.Reassign {
			dx[i] = g
		}
	}
	for j, sum := range sums {
		dp[0][j] = float32(sum)
	}
	return nil
}

func (k KMeans) checkCodebook(p Params) error {
	if err := k.check(); err != nil {
		return err
	}
	if len(p) != 1 {
		return errors.New("expected one parameter, the codebook")
	}
	return checkParams("parameters", p, 1<<k.Bits)
}
