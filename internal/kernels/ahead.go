package kernels

import "unsafe"

// Memory is what loops read of a batch in memory: Each bytes a picture, from Base on.
type Memory struct {
	Base *byte
	Each int
}

// MemoryOf returns a batch of n pictures that share data.
func MemoryOf[T any](data []T, n int) Memory {
	size := len(data) * int(unsafe.Sizeof(*new(T)))
	return Memory{(*byte)(unsafe.Pointer(unsafe.SliceData(data))), size / max(n, 1)}
}

// aheadBytes is how much of the next picture is fetched ahead at most, if a picture has more then nothing: with what the
// picture in work needs it is to fit into a second-level cache of 1 MiB.
const aheadBytes = 1 << 19

// ahead asks for the next picture's memory while the one in work is convolved: element-wise passes over memory that has not
// come yet are slow, and convolutions leave the memory idle. It changes no result.
type ahead struct {
	left  []Memory // of the next picture
	own   []Memory // backs left
	asks  int      // for this picture so far
	lines int      // a time
}

const lineBytes = 64

// aim starts to ask for picture n, about as often as in the picture before.
func (a *ahead) aim(memory []Memory, n int) {
	a.own = a.own[:0]
	lines := 0
	for _, m := range memory {
		m.Base = (*byte)(unsafe.Add(unsafe.Pointer(m.Base), n*m.Each))
		a.own = append(a.own, m)
		lines += (m.Each + lineBytes - 1) / lineBytes
	}
	a.left = a.own
	if a.lines = 1 + lines/max(a.asks, 64); lines > aheadBytes/lineBytes {
		a.left = nil
	}
	a.asks = 0
}

// ask asks for some lines. Convolutions call it every microsecond or less.
func (a *ahead) ask() {
	a.asks++
	for lines := a.lines; lines > 0 && len(a.left) > 0; {
		m := &a.left[0]
		n := min(lines, (m.Each+lineBytes-1)/lineBytes)
		prefetch(m.Base, n)
		lines -= n
		if m.Each -= n * lineBytes; m.Each <= 0 {
			a.left = a.left[1:]
			continue
		}
		m.Base = (*byte)(unsafe.Add(unsafe.Pointer(m.Base), n*lineBytes))
	}
}
