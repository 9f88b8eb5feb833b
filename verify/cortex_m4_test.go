package verify

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/export/exporttest"
)

// The C programs of MLPerf Tiny's networks run on an emulated Cortex-M4, have the dyadic network's logits, and take the memory
// that is printed.
func TestCortexM4(t *testing.T) {
	if testing.Short() {
		t.Skip("emulated")
	}
	for _, tool := range []string{"arm-none-eabi-gcc", "arm-none-eabi-size", "qemu-system-arm"} {
		exporttest.Need(t, tool)
	}
	for _, n := range []struct {
		arch, shape string
		classes     int
		bits        int // of weights
		overrides   string
	}{
		{"resnet8", "32x32x3", 10, 8, ""},
		{"ds_cnn", "49x10x1", 12, 4, ""},
		{"mobilenet_v1", "96x96x3", 2, 4, "model.width=0.25 model.form=mlperf_tiny"},
	} {
		t.Run(n.arch, func(t *testing.T) {
			net := trained(t, n.shape, n.classes, nil, append(strings.Fields(n.overrides), "model.arch="+n.arch,
				fmt.Sprint("quant.weights.bits=", n.bits), "quant.activations.bits=8")...)
			const images = 3
			compiler := []string{"arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-O2", "-fstack-usage", "--specs=rdimon.specs"}
			program := exporttest.Compile(t, net, append(compiler, "-T", "../export/testdata/cortex_m4/qemu.ld")...)
			checkC(t, net, images, "qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-kernel", program,
				"-semihosting-config", "enable=on,arg=model,arg=--cifar,arg=BATCH")

			exporttest.Run(t, append(compiler, "-DQAT_NO_MAIN", "-c", "-o", program+".o", program+".c")...)
			sizes := sections(t, exporttest.Run(t, "arm-none-eabi-size", "-A", program+".o"))
			f, err := export.NewFootprint(net)
			if err != nil {
				t.Fatal(err)
			}
			stack := frames(t, program+".su")
			t.Logf("%+v; measured %v, stack %d", f, sizes, stack)
			const arrays = 7 // each may begin at a multiple of 4
			if got := sizes[".rodata"]; got < f.Constants || got > f.Constants+3*arrays || sizes[".data"] > 0 {
				t.Errorf("%d bytes of constants, want %d; %d of other data", got, f.Constants, sizes[".data"])
			}
			if got := sizes[".bss"]; got < f.RAM || got > f.RAM+3 {
				t.Errorf("%d bytes of RAM, want %d", got, f.RAM)
			}
			if got := sizes[".text"]; got < f.Code*9/10 || got > f.Code*11/10 {
				t.Errorf("%d bytes of code, want %d to a tenth", got, f.Code)
			}
			if stack < f.Stack*9/10 || stack > f.Stack*11/10 {
				t.Errorf("%d bytes of stack, want %d to a tenth", stack, f.Stack)
			}
		})
	}
}

// sections reads the sizes of sections, those of .rodata.str1.1 with .rodata.
func sections(t *testing.T, table string) map[string]int {
	t.Helper()
	sizes := map[string]int{}
	for line := range strings.Lines(table) {
		var name string
		var size int
		if n, _ := fmt.Sscan(line, &name, &size); n == 2 {
			if strings.HasPrefix(name, ".rodata") {
				name = ".rodata"
			}
			sizes[name] += size
		}
	}
	return sizes
}

// frames is the sum of the frames of all functions: as much stack as they take if each is called by another.
func frames(t *testing.T, file string) (sum int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		n := 0
		if len(fields) != 3 || fields[2] != "static" {
			t.Fatalf("%s: %q", file, line)
		}
		if _, err := fmt.Sscan(fields[1], &n); err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
