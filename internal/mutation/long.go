//go:build long

package mutation

// Count is the number of damaged files for a reader.
const Count = 1000
