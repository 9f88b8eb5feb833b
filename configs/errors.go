package configs

import "github.com/qat-go/qat/syntax"

// What is wrong with a config, and where.
type (
	// Pos is where something was written: in a file, or in an argument.
	Pos = syntax.Pos
	// Error is one finding and its place.
	Error = syntax.Error
	// ErrorList is what is wrong with a config, sorted by place.
	ErrorList = syntax.ErrorList
)
