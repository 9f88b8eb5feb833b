package machine

// State is a run that an error of an operation stopped: what that operation and those after it read.
type State struct {
	step int
	live []byte
}

// Save keeps the run that stopped, so that others can go first. The operation that stopped it was alone, as every loop
// is with Options.Unfused, and had written nothing. The memory of old, unless it is nil, is used again.
func (m *Machine) Save(old *State) *State {
	s := &State{step: m.at}
	size := 0
	m.each(m.at, func(b []byte) { size += len(b) })
	if old != nil && cap(old.live) >= size {
		s.live = old.live[:0]
	} else {
		s.live = make([]byte, 0, size)
	}
	m.each(m.at, func(b []byte) { s.live = append(s.live, b...) })
	return s
}

// Resume goes on with a run at the operation that stopped it: with the last one that stopped, if s is nil. Inputs have the
// values that they have now.
func (m *Machine) Resume(s *State) error {
	if s == nil {
		return m.explain(m.run(m.at))
	}
	live := s.live
	m.each(s.step, func(b []byte) { live = live[copy(b, live):] })
	return m.explain(m.run(s.step))
}

// each calls do with every buffer that has been written before a step and is read from it on.
func (m *Machine) each(step int, do func([]byte)) {
	group := m.steps[step].group
	for _, st := range m.plan.storages {
		if st.first < group && st.last >= group {
			do(m.arena[st.offset : st.offset+st.size])
		}
	}
}
