package train

import "context"

// Work is how far something long is: "evaluating", 300 of 10000 "images".
type Work struct {
	Doing, What string
	Done, Total int
}

type watchKey struct{}

// Watch returns a context whose evaluations and calibrations tell after each batch how far they are. hear is called on
// the goroutine that computes, and not once ctx has ended: whoever waited for it may be gone.
func Watch(ctx context.Context, hear func(Work)) context.Context {
	return context.WithValue(ctx, watchKey{}, hear)
}

// tell calls what Watch was given.
func tell(ctx context.Context, w Work) {
	if hear, ok := ctx.Value(watchKey{}).(func(Work)); ok && ctx.Err() == nil {
		hear(w)
	}
}

// telling returns a function that tells how far some work is.
func telling(ctx context.Context, doing, what string) func(done, total int) {
	return func(done, total int) { tell(ctx, Work{doing, what, done, total}) }
}
