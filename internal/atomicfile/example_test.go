package atomicfile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/qat-go/qat/internal/atomicfile"
)

// A write that fails leaves the old file.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "atomicfile")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "x")
	fmt.Println(atomicfile.WriteBytes(path, []byte("old")))
	fmt.Println(atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "ne")
		return errors.Join(err, errors.New("out of ink"))
	}))
	text, err := os.ReadFile(path)
	fmt.Println(string(text), err)
	// Output:
	// <nil>
	// out of ink
	// old <nil>
}
