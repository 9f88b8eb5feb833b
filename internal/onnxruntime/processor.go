package onnxruntime

import (
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"
)

// Processor names the processor's architecture and, of the instructions by which
// onnxruntime chooses its integer kernels, those that this process may use.
func Processor() string {
	words := []string{runtime.GOARCH}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"avx2", cpu.X86.HasAVX2}, {"fma", cpu.X86.HasFMA},
		{"avx512", cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL},
		{"avx512vnni", cpu.X86.HasAVX512VNNI}, {"avxvnni", cpu.X86.HasAVXVNNI}, {"avxvnniint8", cpu.X86.HasAVXVNNIInt8}, {"amxint8", cpu.X86.HasAMXInt8},
		{"dotprod", cpu.ARM64.HasASIMDDP}, {"i8mm", cpu.ARM64.HasI8MM}, {"sve", cpu.ARM64.HasSVE},
	} {
		if f.has {
			words = append(words, f.name)
		}
	}
	return strings.Join(words, " ")
}

// SumsRoundOnce reports whether QLinearAdd takes the kernel whose arithmetic an
// integer network of target float32 has, with fused multiply-adds. Others round
// otherwise, and a code may differ by one.
func SumsRoundOnce() bool { return cpu.X86.HasAVX2 && cpu.X86.HasFMA }
