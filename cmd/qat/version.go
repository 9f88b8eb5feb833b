package main

import (
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"github.com/qat-go/qat/internal/kernels"
)

func newVersionCommand() *cobra.Command {
	var js bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version, CPU features and the kernels in use",
		Long: `Print the version of qat and of Go, the CPU features that matter, and the
kernel path: avx512, avx2 or generic. QAT_CPU=avx2 or QAT_CPU=generic takes a
lesser path than the CPU's best.

EXIT STATUS
  0  done
  1  QAT_CPU asks for a path that this CPU lacks`,
		Example: `  qat version --json`,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runVersion(c.OutOrStdout(), js) },
	}
	addJSON(c, &js)
	return c
}

type versionInfo struct {
	Version     string   `json:"version"`
	Go          string   `json:"go"`
	Platform    string   `json:"platform"`
	CPUFeatures []string `json:"cpu_features"`
	KernelPath  string   `json:"kernel_path"`
}

func runVersion(stdout io.Writer, js bool) error {
	if err := kernels.Check(); err != nil {
		return err
	}
	v := versionInfo{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, cpuFeatures(), kernels.Path()}
	return result(stdout, js, v, v.print)
}

func (v versionInfo) print(w io.Writer) error {
	features := strings.Join(v.CPUFeatures, " ")
	if features == "" {
		features = "none that kernels use"
	}
	t := newTable(w)
	t.row("qat", v.Version)
	t.row("go", v.Go+" "+v.Platform)
	t.row("cpu features", features)
	t.row("kernel path", v.KernelPath)
	return t.flush()
}

// version is the module's version, or "devel" with the commit that it was built
// from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	v := "devel"
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v += " " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			v += " modified"
		}
	}
	return v
}

// cpuFeatures lists the instruction sets that have kernels of their own.
func cpuFeatures() []string {
	features := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"avx2", cpu.X86.HasAVX2}, {"fma", cpu.X86.HasFMA}, {"avx512f", cpu.X86.HasAVX512F}, {"avx512bw", cpu.X86.HasAVX512BW},
		{"avx512dq", cpu.X86.HasAVX512DQ}, {"avx512vl", cpu.X86.HasAVX512VL}, {"avx512vnni", cpu.X86.HasAVX512VNNI},
	} {
		if f.has {
			features = append(features, f.name)
		}
	}
	return features
}
