package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/qat-go/qat/internal/atomicfile"
	"github.com/qat-go/qat/train"
)

// writePredictions writes what evaluate makes of each image to a CSV file: a line of names, then one an image.
//
//	index,label,prediction,logit_0,logit_1,...
//
// Logits have the fewest digits that give the same float32. The file is there if the evaluation came to its end, also
// if the accuracy was below --expect.
func writePredictions(ctx context.Context, path string, evaluate func(context.Context) error) error {
	var missed error
	err := atomicfile.Write(path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		err := evaluate(train.Record(ctx, func(p train.Predicted) error { return writePrediction(b, p) }))
		if errors.Is(err, errMissed) {
			missed, err = err, nil
		}
		if err != nil {
			return err
		}
		return b.Flush()
	})
	if err != nil {
		return err
	}
	return missed
}

func writePrediction(w *bufio.Writer, p train.Predicted) error {
	if p.Image == 0 {
		fmt.Fprint(w, "index,label,prediction")
		for i := range max(len(p.Logits), len(p.Integers)) {
			fmt.Fprintf(w, ",logit_%d", i)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%d,%d,%d", p.Image, p.Label, p.Prediction)
	for _, v := range p.Logits {
		fmt.Fprint(w, ",", strconv.FormatFloat(float64(v), 'g', -1, 32))
	}
	for _, v := range p.Integers {
		fmt.Fprint(w, ",", v)
	}
	_, err := fmt.Fprintln(w)
	return err
}
