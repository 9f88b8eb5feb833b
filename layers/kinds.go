package layers

import "github.com/qat-go/qat/networks"

// kind is what the package knows of a kind of operation.
type kind struct {
	// plan adds the operation to a plan, after what it reads and the quantizer of that.
	plan func(p *plan, l *layer, in []*step) *step
	// hold gives a node what it has beside arrays; nil for nothing.
	hold func(l *layer)
}

// kinds has a row for each of [networks.Ops].
var kinds = map[networks.Kind]kind{
	networks.Conv{}.Kind():              {plan: planConv},
	networks.Linear{}.Kind():            {plan: planLinear},
	networks.BatchNorm{}.Kind():         {plan: planBatchNorm, hold: holdBatchNorm},
	networks.ReLU{}.Kind():              {plan: planReLU},
	networks.RPReLU{}.Kind():            {plan: planRPReLU, hold: holdRPReLU},
	networks.Add{}.Kind():               {plan: planAdd},
	networks.Shortcut{}.Kind():          {plan: planShortcut},
	networks.MaxPool{}.Kind():           {plan: planMaxPool},
	networks.GlobalAveragePool{}.Kind(): {plan: planAveragePool},
}
