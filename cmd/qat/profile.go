package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"github.com/qat-go/qat/train"
)

const profileHelp = `
ENVIRONMENT
  QAT_PROFILE  1 prints the time of each kind of operation of a training step;
               any other value is also the file of a CPU profile, whose samples
               carry the labels "operation" and "layer" (go tool pprof -tags)`

// profile is what QAT_PROFILE asks for.
type profile struct {
	on   bool
	file *os.File
}

// startProfile begins the CPU profile, if there is to be one.
func startProfile() (*profile, error) {
	v := os.Getenv("QAT_PROFILE")
	p := &profile{on: v != "" && v != "0"}
	if !p.on || v == "1" {
		return p, nil
	}
	f, err := os.Create(v)
	if err != nil {
		return nil, fmt.Errorf("QAT_PROFILE: cannot write the CPU profile: %w; 1 prints a table only", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p.file = f
	return p, nil
}

// stop ends the CPU profile. It may be called twice.
func (p *profile) stop() error {
	if p.file == nil {
		return nil
	}
	pprof.StopCPUProfile()
	err := p.file.Close()
	p.file = nil
	return err
}

// printOperations prints the time of each kind of operation.
func printOperations(w io.Writer, rows []train.OperationRow) error {
	t := newTable(w, "OPERATION", "MS A STEP", "SHARE")
	for _, o := range rows {
		t.row(o.Kind, fmt.Sprintf("%.2f", o.Milliseconds), fmt.Sprintf("%.1f %%", 100*o.Share))
	}
	return t.flush()
}
