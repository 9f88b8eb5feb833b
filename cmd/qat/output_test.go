package main

import "testing"

// Networks that train an image in some seconds have a speed, too.
func TestPace(t *testing.T) {
	for v, want := range map[float64]string{0.34: "0.3 images/s", 9.94: "9.9 images/s", 9.96: "10 images/s", 1234.4: "1234 images/s"} {
		if got := pace(v); got != want {
			t.Errorf("%g: %q, want %q", v, got, want)
		}
	}
}
