package sensitivity

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/qat-go/qat/train"
)

// Report is what was measured.
type Report struct {
	train.Experiment
	Split       string  `json:"split"` // that images are of
	Images      int     `json:"images"`
	Calibration int     `json:"calibration_images"` // of the training set, for the levels of activations
	ImageSeed   uint64  `json:"image_seed"`
	Widths      []int   `json:"widths"`
	Loss        float64 `json:"loss"` // of the float network on the images
	Top1        float64 `json:"top1"`
	Tables      []Table `json:"tables"`
	Samples     int     `json:"samples,omitempty"` // of Traces
	Traces      []Trace `json:"traces,omitempty"`  // that Hessian is from
}

// Table is the table of a method, nil if there is none.
func (r *Report) Table(method string) *Table {
	if r == nil {
		return nil
	}
	for i := range r.Tables {
		if r.Tables[i].Method == method {
			return &r.Tables[i]
		}
	}
	return nil
}

// ParseReport reads a report from JSON, and checks its tables.
func ParseReport(js []byte) (*Report, error) {
	var r Report
	if err := json.Unmarshal(js, &r); err != nil {
		return nil, err
	}
	if len(r.Tables) == 0 || len(r.Widths) == 0 {
		return nil, errors.New("there are no tables of losses, or no widths")
	}
	for i := range r.Tables {
		t := &r.Tables[i]
		if err := t.Validate(); err != nil {
			return nil, err
		}
		if r.Table(t.Method) != t {
			return nil, fmt.Errorf("there are two tables of %s", t.Method)
		}
	}
	return &r, nil
}
