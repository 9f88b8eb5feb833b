//go:build !noasm && !linux

package kernels

func allowTiles() bool { return false }
