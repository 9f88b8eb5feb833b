package networks

// GlobalAveragePool is the mean of each channel over all pixels.
type GlobalAveragePool struct{ unary }

// Kind implements [Op].
func (GlobalAveragePool) Kind() Kind { return "global_average_pool" }

// Shape implements [Op].
func (GlobalAveragePool) Shape(in []Shape) (Shape, error) { return Shape{1, 1, first(in).C}, nil }

// NonNegative implements [Op].
func (GlobalAveragePool) NonNegative(in []bool) bool { return all(in) }

// AveragePool is the mean of each channel in a window. It is PyTorch's AvgPool2d: the sum is divided by the number of pixels
// of the image in the window, or, with CountPad, of those and the padding.
type AveragePool struct {
	unary
	Window
	Ceil     bool // PyTorch's ceil_mode: one position more where the last would end outside; what lies beyond the padding never counts
	CountPad bool // PyTorch's count_include_pad
}

// Kind implements [Op].
func (AveragePool) Kind() Kind { return "average_pool" }

// Shape implements [Op].
func (a AveragePool) Shape(in []Shape) (Shape, error) { return a.pool(first(in), a.Ceil) }

// NonNegative implements [Op].
func (AveragePool) NonNegative(in []bool) bool { return all(in) }

// Span is what a window covers along an axis: the image's pixels From to To, To excluded, and how many pixels the mean counts.
type Span struct{ From, To, Count int }

// Spans lists what the window covers at each position along both axes, of an image that has the output's shape behind it.
func (a AveragePool) Spans(in, out Shape) (rows, columns []Span) {
	along := func(positions, pixels, kernel, stride, begin, end int) []Span {
		spans := make([]Span, positions)
		for i := range spans {
			from := i*stride - begin
			to := min(from+kernel, pixels+end)
			s := Span{From: max(from, 0), To: min(to, pixels), Count: to - from}
			if !a.CountPad {
				s.Count = s.To - s.From
			}
			spans[i] = s
		}
		return spans
	}
	p := a.Pad
	return along(out.H, in.H, a.Kernel.H, a.Stride.H, p.Top, p.Bottom), along(out.W, in.W, a.Kernel.W, a.Stride.W, p.Left, p.Right)
}
