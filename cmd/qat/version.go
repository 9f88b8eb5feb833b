package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
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

// version is the module's version, or "devel" with the commit that it was built from. Where that does not tell the source, since it
// was built by "go run" or with changes that are not committed, the program's digest follows: it tells such programs apart.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	v, known := sourceVersion(info)
	if digest, err := programDigest(); !known && err == nil {
		v += " " + digest
	}
	return v
}

// sourceVersion is a build's version, and whether only one source has it.
func sourceVersion(info *debug.BuildInfo) (v string, known bool) {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v, !strings.HasSuffix(v, "+dirty")
	}
	v, modified := "devel", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v, known = v+" "+s.Value, true
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " modified"
		}
	}
	return v + modified, known && modified == ""
}

// programDigest is the beginning of the running program's SHA-256, in hex.
func programDigest() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(program)
	return hex.EncodeToString(sum[:6]), nil
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
