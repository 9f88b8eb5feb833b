//go:build !long

package mutation

// Count is the number of damaged files for a reader, of which "go test -tags long" has 1,000.
const Count = 50
