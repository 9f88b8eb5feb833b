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

// partBytes is how much memory a picture has at least whose parts are fetched while those before them are computed. Smaller
// ones are there by then.
const partBytes = 1 << 17

// ahead lets convolutions fetch what is read after them: element-wise passes over memory that has not come yet are slow,
// and convolutions leave the memory idle. Their kernels ask for a line at a time between their products; many at once
// would fill the core's list of misses and hold up the products. It changes no result.
type ahead struct {
	soon, left       []Memory // of the picture in work, of the next one
	ownSoon, ownLeft []Memory // back them
}

const lineBytes = 64

// fetch is what a kernel asks for: memory from at on, step bytes further at each step of the kernel.
type fetch struct {
	at   *byte
	step int
}

// nowhere is where a kernel asks that has nothing to fetch.
var nowhere [lineBytes]byte

// aim lets the kernels fetch picture n.
func (a *ahead) aim(memory []Memory, n int) {
	a.soon, a.ownLeft = nil, a.ownLeft[:0]
	size := 0
	for _, m := range memory {
		m.Base = (*byte)(unsafe.Add(unsafe.Pointer(m.Base), n*m.Each))
		a.ownLeft = append(a.ownLeft, m)
		size += m.Each
	}
	if a.left = a.ownLeft; size > aheadBytes {
		a.left = nil
	}
}

// forget lets go of the memory, which may be a whole arena.
func (a *ahead) forget() {
	clear(a.ownLeft[:cap(a.ownLeft)])
	clear(a.ownSoon[:cap(a.ownSoon)])
	a.soon, a.left = nil, nil
}

// need lets the kernels fetch what the operation in work is to read next, before all else.
func (a *ahead) need(memory ...Memory) {
	a.ownSoon = a.ownSoon[:0]
	for _, m := range memory {
		if m.Each > 0 {
			a.ownSoon = append(a.ownSoon, m)
		}
	}
	a.soon = a.ownSoon
}

// take returns what a kernel of so many steps is to fetch.
func (a *ahead) take(steps int) fetch {
	queue := &a.soon
	if len(a.soon) == 0 {
		queue = &a.left
	}
	if len(*queue) == 0 {
		return fetch{&nowhere[0], 0}
	}
	m := &(*queue)[0]
	f := fetch{m.Base, lineBytes}
	if n := steps * lineBytes; m.Each > n {
		m.Base, m.Each = (*byte)(unsafe.Add(unsafe.Pointer(m.Base), n)), m.Each-n
		return f
	}
	// The rest: no step leads beyond it.
	f.step = m.Each / max(steps, 1)
	*queue = (*queue)[1:]
	return f
}

// takeOr is take, or else what is in next.
func (a *ahead) takeOr(steps int, next []float32) fetch {
	if f := a.take(steps); f.at != &nowhere[0] || len(next) == 0 {
		return f
	}
	m := MemoryOf(next, 1)
	return fetch{m.Base, m.Each / max(steps, 1)}
}
