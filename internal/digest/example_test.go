package digest_test

import (
	"errors"
	"fmt"

	"github.com/qat-go/qat/internal/digest"
)

func Example() {
	const marker = "digest " + digest.Scheme
	file := []byte("some text, digest " + digest.Placeholder)
	if err := digest.Seal(marker, file); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(digest.Check(marker, file))
	file[0] = 'S'
	fmt.Println(errors.Is(digest.Check(marker, file), digest.ErrMismatch))
	// Output:
	// <nil>
	// true
}
