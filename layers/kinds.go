package layers

import "github.com/qat-go/qat/networks"

// kind is what the package knows of a kind of operation.
type kind struct {
	// plan adds the operation to a plan, after what it reads and the quantizer of that.
	plan func(p *plan, l *layer, in []*step) *step
	// hold gives a node what it has beside arrays; nil for nothing.
	hold func(l *layer)
	// lacks lists what of a node of the network cannot be trained yet; nil for nothing.
	lacks func(g *networks.Network, l *layer) []string
}

// kinds has a row for each of [networks.Ops].
var kinds = map[networks.Kind]kind{
	networks.Conv{}.Kind():              {plan: planConv, lacks: convLacks},
	networks.Linear{}.Kind():            {plan: planLinear},
	networks.BatchNorm{}.Kind():         {plan: planBatchNorm, hold: holdBatchNorm},
	networks.ReLU{}.Kind():              {plan: planReLU},
	networks.ReLU6{}.Kind():             {plan: planReLU6},
	networks.LeakyReLU{}.Kind():         {plan: planLeakyReLU},
	networks.PReLU{}.Kind():             {plan: planPReLU},
	networks.RPReLU{}.Kind():            {plan: planRPReLU, hold: holdRPReLU},
	networks.Add{}.Kind():               {plan: planAdd, lacks: addLacks},
	networks.Concat{}.Kind():            {plan: planConcat, lacks: concatLacks},
	networks.Shortcut{}.Kind():          {plan: planShortcut},
	networks.Flatten{}.Kind():           {plan: planFlatten},
	networks.Dropout{}.Kind():           {plan: planDropout},
	networks.MaxPool{}.Kind():           {plan: planMaxPool},
	networks.AveragePool{}.Kind():       {plan: planAverageWindow},
	networks.GlobalAveragePool{}.Kind(): {plan: planAveragePool},
}
