//go:build long

package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// $QAT_FAULT is "kill:N" or "fail:N", N from 1, or "count:FILE", which appends a line for each operation.
var (
	kind, argument, _ = strings.Cut(os.Getenv("QAT_FAULT"), ":")
	done              atomic.Int64
)

// At is called before a file operation; the caller gives up on an error as on one of the operation.
func At(operation, path string) error {
	n := done.Add(1)
	switch kind {
	case "":
		return nil
	case "count":
		f, err := os.OpenFile(argument, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err == nil {
			_, err = fmt.Fprintln(f, operation, path)
			f.Close()
		}
		return err
	}
	at, err := strconv.ParseInt(argument, 10, 64)
	if err != nil {
		panic("QAT_FAULT: " + err.Error())
	}
	if n != at {
		return nil
	}
	if kind == "fail" {
		return &os.PathError{Op: operation, Path: path, Err: syscall.ENOSPC}
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until the signal is here
}
