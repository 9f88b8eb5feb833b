package networks

// Ops lists an operation of each kind, in the order of tables. What must know every kind is tested against it.
func Ops() []Op {
	return []Op{Conv{}, Linear{}, BatchNorm{}, ReLU{}, RPReLU{}, Add{}, Shortcut{}, MaxPool{}, GlobalAveragePool{}}
}
