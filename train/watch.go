package train

import (
	"cmp"
	"context"
)

// Work is how far something long is: "evaluating", 300 of 10000 "images".
type Work struct {
	Doing, What string
	Done, Total int
}

type watchKey struct{}

// Watch returns a context whose evaluations and calibrations tell after each batch how far they are. hear is called on
// the goroutine that computes, and not once ctx has ended: whoever waited for it may be gone.
func Watch(ctx context.Context, hear func(Work)) context.Context {
	return context.WithValue(cmp.Or(ctx, context.Background()), watchKey{}, hear)
}

// Tell tells the listener of [Watch], if there is one, of work beside evaluations and calibrations.
func Tell(ctx context.Context, w Work) { tell(cmp.Or(ctx, context.Background()), w) }

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

// Predicted is what a network makes of an image: the class of the largest logit.
type Predicted struct {
	Image             int // its number in the split
	Label, Prediction int32
	Logits            []float32 // of float arithmetic, or
	Integers          []int32   // of the target dyadic; valid during the call
}

type recordKey struct{}

// Record returns a context whose evaluations give each image's prediction, in order, to hear; its error ends them.
func Record(ctx context.Context, hear func(Predicted) error) context.Context {
	return context.WithValue(cmp.Or(ctx, context.Background()), recordKey{}, hear)
}

// record calls what Record was given.
func record[L logit](ctx context.Context, image int, label, prediction int32, logits []L) error {
	hear, ok := ctx.Value(recordKey{}).(func(Predicted) error)
	if !ok {
		return nil
	}
	p := Predicted{Image: image, Label: label, Prediction: prediction}
	switch l := any(logits).(type) {
	case []float32:
		p.Logits = l
	case []int32:
		p.Integers = l
	}
	return hear(p)
}
