package estimators_test

import (
	"testing"

	"github.com/qat-go/qat/estimators"
)

// Signed k bits have -2^(k-1)..2^(k-1)-1, narrow drops the lowest level, unsigned have 0..2^k-1.
func TestRange(t *testing.T) {
	for _, tt := range []struct {
		r      estimators.Range
		qn, qp int
	}{
		{estimators.Range{Bits: 1}, 0, 1},
		{estimators.Range{Bits: 2}, 0, 3},
		{estimators.Range{Bits: 4}, 0, 15},
		{estimators.Range{Bits: 8}, 0, 255},
		{estimators.Range{Bits: 16}, 0, 65535},
		{estimators.Range{Bits: 1, Signed: true}, -1, 0},
		{estimators.Range{Bits: 2, Signed: true}, -2, 1},
		{estimators.Range{Bits: 3, Signed: true}, -4, 3},
		{estimators.Range{Bits: 4, Signed: true}, -8, 7},
		{estimators.Range{Bits: 8, Signed: true}, -128, 127},
		{estimators.Range{Bits: 16, Signed: true}, -32768, 32767},
		{estimators.Range{Bits: 2, Signed: true, Narrow: true}, -1, 1},
		{estimators.Range{Bits: 4, Signed: true, Narrow: true}, -7, 7},
		{estimators.Range{Bits: 8, Signed: true, Narrow: true}, -127, 127},
	} {
		if err := tt.r.Validate(); err != nil {
			t.Errorf("%+v: %v", tt.r, err)
		}
		if qn, qp := tt.r.Qn(), tt.r.Qp(); qn != tt.qn || qp != tt.qp {
			t.Errorf("%+v: levels %d to %d, want %d to %d", tt.r, qn, qp, tt.qn, tt.qp)
		}
	}
	for _, r := range []estimators.Range{
		{}, {Bits: -1}, {Bits: 17}, {Bits: 64, Signed: true}, {Bits: 4, Narrow: true}, {Bits: 1, Signed: true, Narrow: true},
	} {
		if r.Validate() == nil {
			t.Errorf("%+v: no error", r)
		}
	}
}
