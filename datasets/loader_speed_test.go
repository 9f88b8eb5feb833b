package datasets

import (
	"flag"
	"fmt"
	"image"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/qat-go/qat/internal/imagefile/imagefiletest"
	"github.com/qat-go/qat/internal/resize"
)

var imagesFlag = flag.String("images", "", "folder with a folder of images for each class, for BenchmarkLoader in place of drawn ones")

// BenchmarkLoader prepares images of 224x224 on all cores as training and evaluation do: from files, and packed with a shorter
// side of 256.
func BenchmarkLoader(b *testing.B) {
	o := Options{Dir: *imagesFlag, Folder: Folder{Fit: Fit{ShorterSide: 256}}}
	if o.Dir == "" {
		o.Dir = b.TempDir()
		for i := range 64 {
			put(b, filepath.Join(o.Dir, fmt.Sprint(i%8), fmt.Sprint(i, ".jpg")), photograph(b, i))
		}
	}
	packed := o
	packed.Dir = b.TempDir()
	if err := Pack(b.Context(), "folder", o, packed.Dir, PackOptions{ShorterSide: 256}); err != nil {
		b.Fatal(err)
	}
	train := Augment{Flip: true, ResizedCrop: ResizedCrop{Scale: [2]float64{0.08, 1}, Ratio: [2]float64{0.75, 4. / 3}}}
	for _, c := range []struct {
		name    string
		options Options
		augment Augment
	}{{"train/files", o, train}, {"train/packed", packed, train}, {"test/files", o, Augment{}}, {"test/packed", packed, Augment{}}} {
		b.Run(c.name, func(b *testing.B) {
			d := open(b, c.options)
			l, err := NewLoader(d, d.Train, LoaderOptions{Batch: 32, Shuffle: true, DropLast: true, Workers: runtime.GOMAXPROCS(0), Augment: c.augment})
			if err != nil {
				b.Fatal(err)
			}
			images := 0
			b.ReportAllocs()
			for epoch := 0; b.Loop(); epoch++ {
				it := l.Epoch(epoch, 0)
				for batch, ok := it.Next(); ok; batch, ok = it.Next() {
					images += batch.N
					it.Release(batch)
				}
				it.Close()
				if err := it.Err(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(images)/b.Elapsed().Seconds(), "images/s")
		})
	}
}

// photograph is a JPEG file about as large as a photograph of its 500x375 pixels: smooth, with some noise.
func photograph(t testing.TB, seed int) []byte {
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	const h, w = 375, 500
	small := make([]uint8, 3*h/8*w/8*3)
	for i := range small {
		small[i] = uint8(rng.UintN(256))
	}
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	smooth := resize.Scale(resize.Bicubic, small[:h/8*(w/8)*3], h/8, w/8, 3, h, w)
	for i := range m.Pix {
		m.Pix[i] = 255
		if i%4 < 3 {
			m.Pix[i] = uint8(max(int(smooth[i/4*3+i%4])-rng.IntN(6), 0))
		}
	}
	return imagefiletest.Encoded(t, m, true)
}
