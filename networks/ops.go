package networks

// Ops lists an operation of each kind, in the order of tables. What must know every kind is tested against it.
func Ops() []Op {
	return []Op{
		Conv{}, Linear{}, BatchNorm{},
		ReLU{}, ReLU6{}, LeakyReLU{}, PReLU{}, RPReLU{},
		Add{}, Concat{}, Shortcut{}, Flatten{}, Dropout{},
		MaxPool{}, AveragePool{}, GlobalAveragePool{},
	}
}
