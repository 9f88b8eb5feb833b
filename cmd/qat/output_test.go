package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/qat-go/qat/train"
)

// Top-5 is told of more than 5 classes, in what train and eval print.
func TestTop5(t *testing.T) {
	for classes, told := range map[int]bool{2: false, 5: false, 6: true, 1000: true} {
		var trained, evaluated bytes.Buffer
		if err := printResult(&trained, &train.Result{Classes: classes, TestTop5: 0.875}); err != nil {
			t.Fatal(err)
		}
		if err := (evalResult{Classes: classes, Top5: 0.875}).print(&evaluated); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{trained.String(), evaluated.String()} {
			if strings.Contains(text, "top-5") != told || told && !strings.Contains(text, "87.50 %") {
				t.Errorf("%d classes:\n%s", classes, text)
			}
		}
	}
}

// Networks that train an image in some seconds have a speed, too.
func TestPace(t *testing.T) {
	for v, want := range map[float64]string{0.34: "0.3 images/s", 9.94: "9.9 images/s", 9.96: "10 images/s", 1234.4: "1234 images/s"} {
		if got := pace(v); got != want {
			t.Errorf("%g: %q, want %q", v, got, want)
		}
	}
}
