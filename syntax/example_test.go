package syntax_test

import (
	"fmt"

	"github.com/qat-go/qat/syntax"
)

// A misspelt key, told with its place.
func Example() {
	var errs syntax.ErrorList
	known := []string{"epochs", "batch"}
	errs.Report(syntax.Pos{File: "mine.yaml", Line: 3, Column: 1}, "unknown key %q%s", "epcohs", syntax.Suggest("epcohs", known))
	fmt.Println(errs)
	// Output:
	// mine.yaml:3:1: unknown key "epcohs" (did you mean "epochs"?)
}
