package estimators

import (
	"math"
	"testing"
)

// sawbDistributions are the paper's six, as densities on [0, end] up to a factor; all are symmetric. The paper does not
// give the von Mises distribution's concentration; 4 is in the range in which its line at 2 bits comes out.
var sawbDistributions = []struct {
	name    string
	density func(x float64) float64
	end     float64
}{
	{"uniform", func(float64) float64 { return 1 }, 1},
	{"triangle", func(x float64) float64 { return 1 - x }, 1},
	{"normal", func(x float64) float64 { return math.Exp(-x * x / 2) }, 9},
	{"laplace", func(x float64) float64 { return math.Exp(-x) }, 35},
	{"logistic", func(x float64) float64 { return 1 / (math.Cosh(x/2) * math.Cosh(x/2)) }, 35},
	{"von Mises", func(x float64) float64 { return math.Exp(4 * (math.Cos(x) - 1)) }, math.Pi},
}

// moments are the integrals of density, density*x and density*x^2 from 0 to each of many points, and between the points
// those of a density that is constant there.
type moments struct {
	spacing float64
	density []float64
	sums    [][3]float64
}

func newMoments(density func(float64) float64, end float64) moments {
	const n = 50_000
	m := moments{spacing: end / n, density: make([]float64, n), sums: make([][3]float64, n+1)}
	for i := range n {
		m.density[i] = density((float64(i) + 0.5) * m.spacing)
		part := m.piece(i, float64(i+1)*m.spacing)
		for j := range part {
			m.sums[i+1][j] = m.sums[i][j] + part[j]
		}
	}
	return m
}

func (m moments) piece(i int, x float64) [3]float64 {
	a := float64(i) * m.spacing
	return [3]float64{m.density[i] * (x - a), m.density[i] * (x*x - a*a) / 2, m.density[i] * (x*x*x - a*a*a) / 3}
}

func (m moments) upTo(x float64) [3]float64 {
	i := int(x / m.spacing)
	if i >= len(m.density) {
		return m.sums[len(m.density)]
	}
	part := m.piece(i, x)
	for j := range part {
		part[j] += m.sums[i][j]
	}
	return part
}

// squaredError is that of evenly spaced levels from -end to end.
func (m moments) squaredError(end float64, levels int) (sum float64) {
	scale := 2 * end / float64(levels-1)
	value := 0.0 // lowest level that is not negative
	if levels%2 == 0 {
		value = scale / 2
	}
	var before [3]float64
	for ; value < end+scale/4; value += scale {
		next := m.upTo(value + scale/2)
		if value+scale/4 > end {
			next = m.sums[len(m.sums)-1]
		}
		sum += next[2] - before[2] - 2*value*(next[1]-before[1]) + value*value*(next[0]-before[0])
		before = next
	}
	return sum
}

// sawbLine is the least-squares line of the best end over E|w| against sqrt(E[w^2])/E|w|, as in the paper.
func sawbLine(levels int) (c1, c2 float64) {
	var sumX, sumY, sumXX, sumXY float64
	for _, d := range sawbDistributions {
		m := newMoments(d.density, d.end)
		all := m.sums[len(m.sums)-1]
		mean, rms := all[1]/all[0], math.Sqrt(all[2]/all[0])
		lo, hi := mean/2, d.end*1.1
		for range 60 { // thirds; the error has one minimum in the end
			a, b := lo+(hi-lo)/3, hi-(hi-lo)/3
			if m.squaredError(a, levels) < m.squaredError(b, levels) {
				hi = b
			} else {
				lo = a
			}
		}
		x, y := rms/mean, (lo+hi)/2/mean
		sumX, sumY, sumXX, sumXY = sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
	}
	n := float64(len(sawbDistributions))
	c1 = (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
	return c1, (sumY - c1*sumX) / n
}

func TestSAWBFit(t *testing.T) {
	for bits := 2; bits <= 8; bits++ {
		for narrow := range 2 {
			levels := 1<<bits - narrow
			c1, c2 := sawbLine(levels)
			if got := sawbFit[narrow][bits-2]; math.Abs(got[0]-c1) > 1e-3*c1 || math.Abs(got[1]-c2) > 1e-3*-c2 {
				t.Errorf("%d levels: the table has %v, the fit is {%.3f, %.3f}", levels, got, c1, c2)
			}
		}
	}
}

// The best end of the uniform distribution leaves half a scale beyond it; that of the normal distribution at 4 levels is
// 1.4936, at 3 levels 1.2240 (Max 1960, table 2).
func TestSAWBDistributions(t *testing.T) {
	m := newMoments(sawbDistributions[0].density, 1)
	if got, want := m.squaredError(0.75, 4), 0.5*0.5/12.0; math.Abs(got-want) > 1e-6 {
		t.Errorf("error of 4 levels of a uniform distribution is %v, want %v", got, want)
	}
	m = newMoments(sawbDistributions[2].density, 9)
	for levels, end := range map[int]float64{4: 1.4936, 3: 1.2240} {
		least := m.squaredError(end, levels)
		if m.squaredError(end*1.01, levels) < least || m.squaredError(end*0.99, levels) < least {
			t.Errorf("%d levels: %v is not the best end of a normal distribution", levels, end)
		}
	}
}
