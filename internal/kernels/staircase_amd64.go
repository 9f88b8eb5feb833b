//go:build !noasm

package kernels

func staircaseSumsRow(sum, dot []float32, parts *[4 * lanes]float32, dy, z, a, b, shift []float32, q *Staircase) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		staircaseSumsRowGeneric(sum, dot, parts, dy, z, a, b, shift, q)
	case level == avx512:
		staircaseSumsRowAVX512(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Qn, q.Qp, q.Floor, q.Delta, q.Slope)
	default:
		staircaseSumsRowAVX2(&sum[:c][0], &dot[:c][0], &parts[0], &dy[:n][0], &z[0], &a[0], &b[0], &shift[0], n, c, q.Scale, q.Qn, q.Qp, q.Floor, q.Delta, q.Slope)
	}
}

func staircaseGradRow(dz, dy, z, a, b, p, q, r []float32, step *Staircase) {
	n, c := len(z), len(a)
	switch {
	case !blocked(n, c):
		staircaseGradRowGeneric(dz, dy, z, a, b, p, q, r, step)
	case level == avx512:
		staircaseGradRowAVX512(&dz[0], &dy[0], &z[0], &a[0], &b[0], &p[0], &q[0], &r[0], n, c, step.Scale, step.Qn, step.Qp, step.Floor, step.Delta)
	default:
		staircaseGradRowAVX2(&dz[0], &dy[0], &z[0], &a[0], &b[0], &p[0], &q[0], &r[0], n, c, step.Scale, step.Qn, step.Qp, step.Floor, step.Delta)
	}
}
