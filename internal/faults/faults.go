// Package faults lets long tests break a program at each of its file operations: built with the tag long, the operation
// that $QAT_FAULT counts down to kills the process, or fails. Without the tag nothing happens and nothing is read.
package faults
