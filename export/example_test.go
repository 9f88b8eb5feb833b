package export_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer/integertest"
)

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "export")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	file := filepath.Join(dir, "model."+export.Extension(configs.Safetensors))
	if err := export.Write(file, configs.Safetensors, net, export.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	read, err := export.Read(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(read.Name, len(read.Layers), "layers,", read.SizeBytes(), "bytes")
	// Output:
	// resnet20 41 layers, 140288 bytes
}
