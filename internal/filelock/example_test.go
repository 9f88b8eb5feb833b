package filelock_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/qat-go/qat/internal/filelock"
)

func ExampleTryLock() {
	dir, err := os.MkdirTemp("", "filelock")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for range 2 { // two openers of one file
		f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer f.Close()
		fmt.Println(filelock.TryLock(f))
	}
	// Output:
	// true <nil>
	// false <nil>
}
