// Package pretrained embeds float networks that this project trained itself;
// quantization starts from them. Each FILE.safetensors has its recipe, the
// config and the result, beside it in FILE.md.
package pretrained

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.safetensors
var files embed.FS

// Read returns the safetensors file of the network called name.
func Read(name string) ([]byte, error) {
	data, err := files.ReadFile(name + ".safetensors")
	if err != nil {
		names, _ := fs.Glob(files, "*.safetensors")
		return nil, fmt.Errorf("no embedded network %q; there is %s", name, strings.ReplaceAll(strings.Join(names, ", "), ".safetensors", ""))
	}
	return data, nil
}
