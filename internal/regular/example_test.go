package regular_test

import (
	"fmt"

	"github.com/qat-go/qat/internal/regular"
)

func ExampleRead() {
	for _, path := range []string{".", "regular.go"} {
		_, err := regular.Read(path, 100)
		if e, ok := err.(*regular.SizeError); ok {
			err = fmt.Errorf("%s is larger than %d bytes", e.Path, e.Limit)
		}
		fmt.Println(err)
	}
	// Output:
	// . is a directory; want a file
	// regular.go is larger than 100 bytes
}
