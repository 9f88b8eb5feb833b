//go:build !unix

package memory

// Peak is not known.
func Peak() int64 { return 0 }

// Resident is not known.
func Resident() int64 { return 0 }

// Free is not known.
func Free() Available { return Available{} }
