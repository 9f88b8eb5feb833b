package datasets

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"sync"
)

// VerifyError lists all that [Verify] found; each error names its file.
type VerifyError struct{ Found []error }

func (e *VerifyError) Error() string {
	if len(e.Found) == 0 {
		return "no damaged files"
	}
	return fmt.Sprintf("%d damaged files, the first: %v", len(e.Found), e.Found[0])
}

func (e *VerifyError) Unwrap() []error { return e.Found }

// Verify reads every file of the data set of the given name: images in files are decoded, packed ones compared with their
// checksums, files of other data sets read whole. What is damaged is a [*VerifyError] with all of it. progress, unless nil, is
// told of the images, or the packed files, that were looked at, of all; what is "images" or "packed files".
func Verify(ctx context.Context, name string, o Options, progress func(done, total int, what string)) error {
	ctx = cmp.Or(ctx, context.Background())
	s, err := sourceOf(name, o)
	if err != nil {
		return err
	}
	if progress == nil {
		progress = func(int, int, string) {}
	}
	if s.layout == nil {
		d, err := s.open(o)
		if err == nil {
			progress(d.Train.Len()+d.Test.Len(), d.Train.Len()+d.Test.Len(), "images")
		}
		return err
	}
	l, err := s.layout(o.Dir)
	if err != nil {
		return err
	}
	var checks []func() error
	what := "images"
	for _, images := range []Images{l.train.Images, l.test.Images} {
		if p, ok := images.(*packed); ok {
			what = "packed files"
			for _, sh := range p.shards {
				checks = append(checks, func() error { return sh.verify(p.dir) })
			}
			continue
		}
		for i := range images.Len() {
			checks = append(checks, func() error { _, err := images.Image(i); return err })
		}
	}
	found := make([]error, len(checks))
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				found[i] = checks[i]()
				mu.Lock()
				done++
				progress(done, len(checks), what)
				mu.Unlock()
			}
		})
	}
	for i := range checks {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v := &VerifyError{}
	for _, err := range found {
		if err != nil {
			v.Found = append(v.Found, err)
		}
	}
	if len(v.Found) > 0 {
		return v
	}
	return nil
}
