package train

import (
	"math"
	"testing"
)

// What schedules by the share of the run that is done never sees it fall, and sees the ends.
func TestProgress(t *testing.T) {
	lr := []Changed{{"train.lr", "1", "2"}}
	for name, c := range map[string]struct {
		h     history
		total int
		want  []float64
	}{
		"none":             {nil, 4, []float64{0, 0.25, 0.5, 0.75, 1}},
		"finished":         {history{{2, 2, lr}}, 4, []float64{0, 0.5, 1, 1, 1}},
		"half":             {history{{2, 4, lr}}, 6, []float64{0, 0.25, 0.5, 0.625, 0.75, 0.875, 1}},
		"the same number":  {history{{1, 4, lr}}, 4, []float64{0, 0.25, 0.5, 0.75, 1}},
		"twice":            {history{{1, 2, lr}, {2, 3, lr}}, 4, []float64{0, 0.5, 0.75, 0.875, 1}},
		"there and back":   {history{{1, 4, lr}, {2, 6, lr}}, 4, []float64{0, 0.25, 0.4, 0.7, 1}},
		"in the same step": {history{{1, 2, lr}, {1, 5, lr}}, 3, []float64{0, 0.5, 0.75, 1}},
	} {
		for step, want := range c.want {
			if got := c.h.progress(step, c.total); math.Abs(got-want) > 1e-15 {
				t.Errorf("%s: step %d: %v, want %v", name, step, got, want)
			}
		}
	}
}

func TestLogEvery(t *testing.T) {
	every := func(then, now string) []Changed {
		return []Changed{{"train.lr", "1", "2"}, {"train.log_every", then, now}}
	}
	h := history{{2, 9, every("1", "3")}, {4, 9, []Changed{{"train.lr", "2", "3"}}}, {5, 9, every("3", "7")}}
	for step, want := range []int{1, 1, 1, 3, 3, 3, 7} {
		if got := h.logEvery(step, 7); got != want {
			t.Errorf("step %d: %d, want %d", step, got, want)
		}
	}
}

// A history that a file has is one that a run can have.
func TestHistoriesThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		h    history
		step int
		ok   bool
	}{
		{history{{1, 2, nil}, {2, 3, nil}, {2, 5, nil}}, 2, true},
		{history{{0, 2, nil}}, 2, false}, // nothing was done
		{history{{3, 2, nil}}, 4, false},
		{history{{3, 4, nil}}, 2, false},
		{history{{3, 4, nil}}, 3, true},
		{history{{3, 4, nil}, {2, 4, nil}}, 4, false},
	} {
		if err := c.h.check(c.step); (err == nil) != c.ok {
			t.Errorf("%v in step %d: %v", c.h, c.step, err)
		}
	}
}
