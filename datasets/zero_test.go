package datasets

import "testing"

// What is nil, empty or zero is an error, and no panic.
func TestZero(t *testing.T) {
	d := noise(2)
	for name, try := range map[string]func() error{
		"Open":            func() error { _, err := Open("", Options{}); return err },
		"Describe":        func() error { _, err := Describe("", Options{}); return err },
		"Info":            func() error { _, err := Info("", Options{Dir: ""}); return err },
		"Locate":          func() error { _, err := Locate("", ""); return err },
		"Download":        func() error { return Download(t.Context(), "", "", DownloadOptions{}) },
		"NewLoader nil":   func() error { _, err := NewLoader(nil, Split{}, LoaderOptions{}); return err },
		"NewLoader zero":  func() error { _, err := NewLoader(&Dataset{}, Split{}, LoaderOptions{}); return err },
		"NewLoader empty": func() error { _, err := NewLoader(d, Split{}, LoaderOptions{Batch: 1}); return err },
		"NewLoader batch": func() error { _, err := NewLoader(d, d.Train, LoaderOptions{}); return err },
		"ReadImage":       func() error { _, err := ReadImage("", 0, 0); return err },
		"ReadImageFrom":   func() error { _, err := ReadImageFrom(nil, 1, 1); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if try() == nil {
				t.Error("no error")
			}
		})
	}
	if n := (Split{}).Head(3).Len(); n != 0 {
		t.Errorf("the head of nothing has %d images", n)
	}
	(Split{}).Checksum()
	(Split{Labels: []int32{1, 2}}).Head(1)
}
