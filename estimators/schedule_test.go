package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestSchedule(t *testing.T) {
	shares := []estimators.ScheduleStep{
		{At: 0, Value: 0.5}, {At: 0.25, Value: 0.75}, {At: 0.5, Value: 0.875}, {At: 1, Value: 1},
	}
	inq := estimators.Schedule{Kind: estimators.Steps, Steps: shares}
	ede := estimators.Schedule{Kind: estimators.Exponential, From: 0.1, To: 10}
	for _, tt := range []struct {
		s                estimators.Schedule
		progress, wanted float64
	}{
		{estimators.Schedule{Kind: estimators.Constant, From: 3, To: 9}, 0.7, 3},
		{estimators.Schedule{Kind: estimators.Constant, From: 3, To: 9}, 1, 3},
		{estimators.Schedule{Kind: estimators.Linear, From: 3, To: 9}, 0.5, 6},
		{estimators.Schedule{Kind: estimators.Linear, From: 3, To: 9}, 0.25, 4.5},
		{estimators.Schedule{Kind: estimators.Cosine, From: 4, To: 0}, 0.5, 2},
		{estimators.Schedule{Kind: estimators.Cosine, From: 4, To: 0}, 1. / 3, 3},
		{estimators.Schedule{Kind: estimators.Exponential, From: -8, To: -2}, 0.5, -4},
		// IR-Net: t = 0.1 * 10^(2*epoch/epochs)
		{ede, 0, 0.1}, {ede, 0.25, math.Pow(10, -0.5)}, {ede, 0.5, 1}, {ede, 0.75, math.Pow(10, 0.5)}, {ede, 1, 10},
		{ede, -1, 0.1}, {ede, 2, 10},
		{inq, 0, 0.5}, {inq, 0.2499, 0.5}, {inq, 0.25, 0.75}, {inq, 0.99, 0.875}, {inq, 1, 1},
		{estimators.Schedule{Kind: estimators.Steps, From: 8, Steps: []estimators.ScheduleStep{{0.5, 4}}}, 0.4, 8},
	} {
		if err := tt.s.Validate(); err != nil {
			t.Errorf("%+v: %v", tt.s, err)
		}
		if got := tt.s.At(tt.progress); math.Abs(got-tt.wanted) > 1e-12 {
			t.Errorf("%+v at %v is %v, want %v", tt.s, tt.progress, got, tt.wanted)
		}
	}
	if ede.At(0) != 0.1 || ede.At(1) != 10 {
		t.Error("the ends are not exact")
	}
	for name, s := range map[string]estimators.Schedule{
		"no kind":           {},
		"unknown":           {Kind: "random"},
		"through 0":         {Kind: estimators.Exponential, From: -1, To: 1},
		"from 0":            {Kind: estimators.Exponential, From: 0, To: 1},
		"NaN":               {Kind: estimators.Linear, From: math.NaN()},
		"Inf":               {Kind: estimators.Linear, To: math.Inf(1)},
		"no steps":          {Kind: estimators.Steps},
		"steps, not Steps":  {Kind: estimators.Linear, Steps: []estimators.ScheduleStep{{0.5, 1}}},
		"steps in disorder": {Kind: estimators.Steps, Steps: []estimators.ScheduleStep{{0.5, 1}, {0.4, 2}}},
		"a step after 1":    {Kind: estimators.Steps, Steps: []estimators.ScheduleStep{{1.1, 1}}},
		"a step to NaN":     {Kind: estimators.Steps, Steps: []estimators.ScheduleStep{{0.5, math.NaN()}}},
	} {
		if s.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
