package kernels

import (
	"testing"
	"time"
)

// A gate must neither lose a raise, whether the other looks or has parked, nor let it pass too early.
func TestGate(t *testing.T) {
	for _, looks := range []int{0, 1, 100, looks} {
		ask, answer := newGate(), newGate()
		const rounds = 2000
		value := 0 // of whoever was let through
		go func() {
			for n := range int64(rounds) {
				ask.await(n+1, looks)
				value++
				if n%100 == 0 {
					time.Sleep(time.Millisecond) // long enough to park
				}
				answer.raise()
				answer.raise()
			}
		}()
		for n := range int64(rounds) {
			if n%77 == 0 {
				time.Sleep(time.Millisecond)
			}
			ask.raise()
			answer.await(2*(n+1), looks)
			if value != int(n+1) {
				t.Fatalf("%d looks: %d rounds answered, wanted %d", looks, value, n+1)
			}
		}
	}
}
