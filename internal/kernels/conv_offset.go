package kernels

// ConvOffset writes what an offset of all inputs, but not of the zeros that pad them, adds to each picture of a
// convolution's output:
//
//	y[i,j,c] = float32(sum of weights w[r,s,:,c] whose input (i*Stride.H+r-Pad.Top, j*Stride.W+s-Pad.Left) is in the picture) * scale[c mod len(scale)]
//
// The sum is exact; y has the length of one output picture and w that of the weights, (KH, KW, Cin/Groups, Cout).
func ConvOffset(y []float32, g Conv, w []int8, scale []float32) {
	taps := make([]int32, g.taps()*g.Cout) // sums over the input channels
	cin := g.group().Cin
	for t := range g.taps() {
		sums := taps[t*g.Cout:][:g.Cout]
		for ci := range cin {
			for c, v := range w[(t*cin+ci)*g.Cout:][:g.Cout] {
				sums[c] += int32(v)
			}
		}
	}
	row := g.OutW() * g.Cout
	sums := make([]int32, g.Cout)
	var above, left [2]int
	for i := range g.OutH() {
		rows := g.rows().inside(i)
		if i > 0 && rows == above { // as in most rows
			copy(y[i*row:][:row], y[(i-1)*row:])
			continue
		}
		above = rows
		for j := range g.OutW() {
			at, columns := y[i*row+j*g.Cout:][:g.Cout], g.cols().inside(j)
			if j > 0 && columns == left {
				copy(at, y[i*row+(j-1)*g.Cout:])
				continue
			}
			left = columns
			clear(sums)
			for r := rows[0]; r < rows[1]; r++ {
				for s := columns[0]; s < columns[1]; s++ {
					for c, v := range taps[(r*g.Kernel.W+s)*g.Cout:][:g.Cout] {
						sums[c] += v
					}
				}
			}
			for c, v := range sums {
				at[c] = float32(v) * scale[c%len(scale)]
			}
		}
	}
}
