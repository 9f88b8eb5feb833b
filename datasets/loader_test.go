package datasets

import (
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func noise(n int) *Dataset {
	d := cifarSource(Source{Name: "noise"}, cifar10Classes).describe()
	d.Train.Pixels, d.Train.Labels = make([]uint8, n*cifarPixels), make([]int32, n)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range d.Train.Pixels {
		d.Train.Pixels[i] = uint8(r.Uint32())
	}
	for i := range d.Train.Labels {
		d.Train.Labels[i] = r.Int32N(10)
	}
	return d
}

func newLoader(t testing.TB, d *Dataset, o LoaderOptions) *Loader {
	t.Helper()
	l, err := NewLoader(d, d.Train, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// collect returns copies of the batches of an epoch from step start on.
func collect(l *Loader, epoch, start int) (all []Batch) {
	it := l.Epoch(epoch, start)
	defer it.Close()
	for b, ok := it.Next(); ok; b, ok = it.Next() {
		all = append(all, Batch{X: slices.Clone(b.X), Y: slices.Clone(b.Y), N: b.N})
		it.Release(b)
	}
	return all
}

func wantSame(t *testing.T, what string, got, want []Batch) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d batches, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i].N != want[i].N || !slices.Equal(got[i].Y, want[i].Y) || !slices.Equal(got[i].X, want[i].X) {
			t.Fatalf("%s: batch %d differs", what, i)
		}
	}
}

var training = LoaderOptions{Batch: 8, Seed: 3, Shuffle: true, Augment: Augment{Crop: 4, Flip: true}}

func TestDeterminism(t *testing.T) {
	d := noise(101)
	o := training
	o.Workers = 1
	want := collect(newLoader(t, d, o), 5, 0)
	if len(want) != 13 || want[12].N != 5 {
		t.Fatalf("%d batches, the last of %d", len(want), want[len(want)-1].N)
	}
	for _, o.Workers = range []int{1, 2, 7} {
		for _, o.Ahead = range []int{1, 3, 20} {
			what := fmt.Sprintf("%d workers, %d ahead", o.Workers, o.Ahead)
			l := newLoader(t, d, o)
			wantSame(t, what, collect(l, 5, 0), want)
			wantSame(t, what+", again", collect(l, 5, 0), want)
			for start := range 15 {
				wantSame(t, what+", resumed", collect(l, 5, start), want[min(start, 13):])
			}
			wantSame(t, what+", from -1", collect(l, 5, -1), want)
		}
	}
	other := func(o LoaderOptions, epoch int) bool {
		return slices.Equal(collect(newLoader(t, d, o), epoch, 0)[0].X, want[0].X)
	}
	seed := o
	seed.Seed++
	if other(o, 6) || other(seed, 5) {
		t.Error("another epoch or another seed gives the same batch")
	}
}

// TestEpochIsComplete: an epoch shows every image once, and with its label.
func TestEpochIsComplete(t *testing.T) {
	d := tagged(333)
	l := newLoader(t, d, LoaderOptions{Batch: 10, Shuffle: true})
	var seen []int
	for _, b := range collect(l, 0, 0) {
		for i := range b.N {
			hi, lo := slices.Index(l.table[0][:], b.X[3*i]), slices.Index(l.table[1][:], b.X[3*i+1])
			tag := hi<<8 | lo
			if int(b.Y[i]) != tag%10 {
				t.Errorf("image %d has label %d", tag, b.Y[i])
			}
			seen = append(seen, tag)
		}
	}
	if slices.IsSorted(seen) {
		t.Error("not shuffled")
	}
	slices.Sort(seen)
	for i := range 333 {
		if len(seen) != 333 || seen[i] != i {
			t.Fatalf("%d images; number %d is not there once", len(seen), i)
		}
	}
}

func TestEvaluation(t *testing.T) {
	d := noise(21)
	l := newLoader(t, d, LoaderOptions{Batch: 8})
	if l.Steps() != 3 {
		t.Fatalf("%d steps, want 3", l.Steps())
	}
	for step, b := range collect(l, 0, 0) {
		if want := []int{8, 8, 5}[step]; b.N != want || len(b.X) != 8*3072 || len(b.Y) != 8 {
			t.Fatalf("step %d: N %d, want %d; %d values, %d labels", step, b.N, want, len(b.X), len(b.Y))
		}
		for i := range 8 {
			x := b.X[i*3072 : (i+1)*3072]
			if i >= b.N {
				if b.Y[i] != -1 || slices.Max(x) != 0 || slices.Min(x) != 0 {
					t.Errorf("step %d: image %d is beyond N and not blank", step, i)
				}
				continue
			}
			k := 8*step + i
			want := slowImage(d, d.Train.Pixels[k*3072:(k+1)*3072], change{}, 0)
			if !slices.Equal(x, want) || b.Y[i] != d.Train.Labels[k] {
				t.Errorf("step %d: image %d is not number %d", step, i, k)
			}
		}
	}
}

func TestDropLast(t *testing.T) {
	for n, want := range map[int]int{8: 1, 15: 1, 16: 2} {
		l := newLoader(t, noise(n), LoaderOptions{Batch: 8, DropLast: true})
		if got := collect(l, 0, 0); l.Steps() != want || len(got) != want || got[want-1].N != 8 {
			t.Errorf("%d images: %d steps, %d batches, want %d", n, l.Steps(), len(got), want)
		}
	}
}

// A synctest bubble fails if a goroutine is left or all of them wait.
func TestClose(t *testing.T) {
	d := tagged(100)
	for take := range 11 {
		for _, workers := range []int{1, 4} {
			synctest.Test(t, func(t *testing.T) {
				it := newLoader(t, d, LoaderOptions{Batch: 10, Workers: workers}).Epoch(0, 0)
				for i := range take {
					b, ok := it.Next()
					if ok != (i < 10) {
						t.Fatalf("batch %d: %v", i, ok)
					}
					if i%2 == 0 {
						it.Release(b)
					}
				}
				it.Close()
				it.Close()
				if _, ok := it.Next(); ok {
					t.Error("a batch after Close")
				}
			})
		}
	}
}

func TestCloseWhileNextWaits(t *testing.T) {
	d := noise(200)
	for range 50 {
		it := newLoader(t, d, LoaderOptions{Batch: 2, Workers: 2}).Epoch(0, 0)
		var wg sync.WaitGroup
		wg.Go(func() {
			for b, ok := it.Next(); ok; b, ok = it.Next() {
				it.Release(b)
			}
		})
		it.Close()
		wg.Wait()
	}
}

// A batch is the caller's until Release, whatever else is taken or closed, and
// whatever is released twice or to another iterator.
func TestHeldBatches(t *testing.T) {
	d := tagged(100)
	l := newLoader(t, d, LoaderOptions{Batch: 10, Workers: 2})
	want := collect(l, 0, 0)
	it, other := l.Epoch(0, 0), l.Epoch(1, 0)
	defer other.Close()
	var held []*Batch
	for b, ok := it.Next(); ok; b, ok = it.Next() {
		other.Release(b)
		it.Release(nil)
		held = append(held, b)
	}
	it.Close()
	collect(l, 1, 0)
	for i, b := range held {
		wantSame(t, "held", []Batch{{X: b.X, Y: b.Y, N: b.N}}, want[i:i+1])
		it.Release(b)
		it.Release(b)
	}

	it = l.Epoch(0, 0)
	defer it.Close()
	for i := 0; ; i++ {
		b, ok := it.Next()
		if !ok {
			break
		}
		wantSame(t, "released twice", []Batch{{X: b.X, Y: b.Y, N: b.N}}, want[i:i+1])
		it.Release(b)
		it.Release(b)
	}
}

// A caller that kept many batches and gave them back, more than the iterator
// takes, may keep as many again.
func TestHeldBatchesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoader(t, tagged(100), LoaderOptions{Batch: 1})
		it := l.Epoch(0, 0)
		defer it.Close()
		for range 5 {
			var held []*Batch
			for range 20 {
				b, ok := it.Next()
				if !ok {
					t.Fatal("the epoch ended early")
				}
				held = append(held, b)
			}
			for _, b := range held {
				it.Release(b)
			}
		}
	})
}

func TestNoGarbagePerStep(t *testing.T) {
	it := newLoader(t, noise(1000), LoaderOptions{Batch: 1, Shuffle: true, Augment: training.Augment}).Epoch(0, 0)
	defer it.Close()
	if n := testing.AllocsPerRun(500, func() {
		b, _ := it.Next()
		it.Release(b)
	}); n != 0 {
		t.Errorf("%v allocations a step, want 0", n)
	}
}

func TestNewLoaderErrors(t *testing.T) {
	ok := LoaderOptions{Batch: 8}
	for _, tt := range []struct {
		want   string
		change func(d *Dataset, o *LoaderOptions)
	}{
		{"batch of 1 or more, found 0", func(d *Dataset, o *LoaderOptions) { o.Batch = 0 }},
		{"leaves nothing of 20 images", func(d *Dataset, o *LoaderOptions) { o.Batch, o.DropLast = 21, true }},
		{"crop of 0 to 31 pixels, found 32", func(d *Dataset, o *LoaderOptions) { o.Augment.Crop = 32 }},
		{"crop of 0 to 31 pixels, found -1", func(d *Dataset, o *LoaderOptions) { o.Augment.Crop = -1 }},
		{"found -1 and 0", func(d *Dataset, o *LoaderOptions) { o.Workers = -1 }},
		{"found 0 and -1", func(d *Dataset, o *LoaderOptions) { o.Ahead = -1 }},
		{"each of 4 channels, or one for all, found 3 and 3", func(d *Dataset, o *LoaderOptions) { d.Channels = 4 }},
		{"1024 pixel bytes for each of 20", func(d *Dataset, o *LoaderOptions) { d.Channels = 1 }},
		{"split is empty", func(d *Dataset, o *LoaderOptions) { d.Train = d.Validation }},
		{"3072 pixel bytes for each of 20", func(d *Dataset, o *LoaderOptions) { d.Train.Pixels = d.Train.Pixels[1:] }},
		{"positive standard deviation for channel 2", func(d *Dataset, o *LoaderOptions) { d.Std[2] = 0 }},
		{"image 4: want a label of 0 to 9, found 10", func(d *Dataset, o *LoaderOptions) { d.Train.Labels[4] = 10 }},
	} {
		d, o := noise(20), ok
		tt.change(d, &o)
		_, err := NewLoader(d, d.Train, o)
		wantError(t, err, "loader of noise", tt.want)
	}
}

func BenchmarkFill(b *testing.B) {
	d := noise(1280)
	for name, a := range map[string]Augment{"plain": {}, "crop+flip": training.Augment} {
		b.Run(name, func(b *testing.B) {
			l := newLoader(b, d, LoaderOptions{Batch: 128, Augment: a})
			batch := l.takeSpare()
			for b.Loop() {
				l.begin(batch, (batch.step+1)%l.Steps())
				l.fill(piece{batch, 0, batch.N}, 0, nil)
			}
		})
	}
}

// Labels of a thousand classes are no bytes: not in batches, and not in checksums.
func TestManyClasses(t *testing.T) {
	s := Split{Name: "test", Pixels: make([]uint8, 9), Labels: []int32{999, 743, 231}} // as bytes, all are 231
	same := Split{Name: "test", Pixels: s.Pixels, Labels: []int32{231, 231, 231}}
	if s.Checksum() == same.Checksum() {
		t.Error("labels that differ by 256 have one checksum")
	}
	d := &Dataset{Name: "x", Height: 1, Width: 1, Channels: 3, Classes: make([]string, 1000), Mean: make([]float32, 3), Std: []float32{1, 1, 1}, Test: s}
	l, err := NewLoader(d, d.Test, LoaderOptions{Batch: 3, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	it := l.Epoch(0, 0)
	defer it.Close()
	if b, ok := it.Next(); !ok || !slices.Equal(b.Y, s.Labels) {
		t.Errorf("labels %v, want %v", b.Y, s.Labels)
	}
}

// gated images are read once the gate opens.
type gated struct {
	gate          chan struct{}
	mu            sync.Mutex
	reading, read map[int]bool
}

func (g *gated) Len() int              { return 200 }
func (g *gated) Name(i int) string     { return fmt.Sprint("image ", i) }
func (g *gated) Fingerprint(hash.Hash) {}
func (g *gated) Image(i int) (Image, error) {
	g.mu.Lock()
	g.reading[i] = true
	g.mu.Unlock()
	<-g.gate
	g.mu.Lock()
	g.read[i] = true
	g.mu.Unlock()
	return Image{1, 1, []uint8{uint8(i), 0, 0}}, nil
}

// All workers read images of the batch that is wanted next, and no more batches are ahead than were asked for.
func TestLoadingRunsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gated{gate: make(chan struct{}), reading: map[int]bool{}, read: map[int]bool{}}
		d := noise(0)
		d.Height, d.Width = 1, 1
		l, err := NewLoader(d, Split{Images: g, Labels: make([]int32, g.Len())}, LoaderOptions{Batch: 16, Workers: 4, Ahead: 2})
		if err != nil {
			t.Fatal(err)
		}
		it := l.Epoch(0, 0)
		defer it.Close()
		synctest.Wait()
		if len(g.reading) != 4 || !g.reading[0] || !g.reading[1] || !g.reading[2] || !g.reading[3] {
			t.Errorf("four workers read %v", g.reading)
		}
		close(g.gate)
		synctest.Wait()
		if len(g.read) != 48 {
			t.Errorf("%d images are read ahead, want three batches", len(g.read))
		}
		b, ok := it.Next()
		synctest.Wait()
		if !ok || len(g.read) != 48 {
			t.Errorf("%d images are read while a batch is in use, want three batches with it", len(g.read))
		}
		it.Release(b)
		synctest.Wait()
		if len(g.read) != 64 {
			t.Errorf("%d images are read, want four batches", len(g.read))
		}
	})
}

// late are images of which one is read when the gate opens, and some of which cannot be read.
type late struct {
	gated
	last   int
	broken []int
}

func (l *late) Image(i int) (Image, error) {
	if i == l.last {
		<-l.gate
	}
	if slices.Contains(l.broken, i) {
		return Image{}, fmt.Errorf("image %d is broken", i)
	}
	return Image{1, 1, []uint8{uint8(i), 0, 0}}, nil
}

// A batch is whole when its last piece is, and its error is that of its first image that has one, whichever was met first.
func TestBatchIsWhole(t *testing.T) {
	for _, tt := range []struct {
		last    int
		broken  []int
		workers int
		err     string
	}{{36, nil, 1, ""}, {0, []int{0, 20}, 2, "image 0 is broken"}} {
		synctest.Test(t, func(t *testing.T) {
			g := &late{gated: gated{gate: make(chan struct{})}, last: tt.last, broken: tt.broken}
			d := noise(0)
			d.Height, d.Width = 1, 1
			l, err := NewLoader(d, Split{Images: g, Labels: make([]int32, g.Len())}, LoaderOptions{Batch: 37, Workers: tt.workers, Ahead: 1})
			if err != nil {
				t.Fatal(err)
			}
			it := l.Epoch(0, 0)
			defer it.Close()
			next := make(chan bool, 1)
			go func() { _, ok := it.Next(); next <- ok }()
			synctest.Wait()
			if len(next) > 0 {
				t.Error("a batch is there before its last image")
			}
			close(g.gate)
			if ok := <-next; ok != (tt.err == "") {
				t.Errorf("a batch: %v, %v", ok, it.Err())
			}
			if tt.err != "" {
				wantError(t, it.Err(), tt.err)
			}
		})
	}
}
