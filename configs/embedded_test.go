package configs

import (
	"strings"
	"testing"
)

func TestEmbedded(t *testing.T) {
	wantBits := map[string][4]Bits{ // weights, activations, first_last, residual
		"folder_quickstart":               {8, 8, 8, 8},
		"cifar100_resnet20_w4a4":          {4, 4, 8, 8},
		"imagenet_mobilenet_v2_w4a4":      {4, 4, 8, FP},
		"imagenet_mobilenet_v2_w8a8":      {8, 8, 8, FP},
		"imagenet_resnet18_edmips":        {2, 2, 8, FP},
		"imagenet_resnet18_hawq_bitops25": {4, 4, 8, FP},
		"imagenet_resnet18_hawq_bitops50": {4, 4, 8, FP},
		"imagenet_resnet18_hawq_bitops75": {4, 4, 8, FP},
		"imagenet_resnet18_hawq_size25":   {4, 4, 8, FP},
		"imagenet_resnet18_hawq_size50":   {4, 4, 8, FP},
		"imagenet_resnet18_hawq_size75":   {4, 4, 8, FP},
		"imagenet_resnet18_w2a2":          {2, 2, 8, FP},
		"imagenet_resnet18_w3a3":          {3, 3, 8, FP},
		"imagenet_resnet18_w4a4":          {4, 4, 8, FP},
		"imagenet_resnet18_w8a8":          {8, 8, 8, FP},
		"imagenet_resnet50_w4a4":          {4, 4, 8, FP},
		"quickstart":                      {4, 4, 8, 8},
		"plain_cnn_w4a4":                  {4, 4, 8, 8},
		"resnet20_107kb_hessian":          {3, 3, 8, 8},
		"resnet20_107kb_perturb":          {3, 3, 8, 8},
		"resnet20_107kb_scales":           {3, 3, 8, 8},
		"resnet20_107kb_sqnr":             {3, 3, 8, 8},
		"resnet20_140kb_hessian":          {4, 4, 8, 8},
		"resnet20_140kb_perturb":          {4, 4, 8, 8},
		"resnet20_140kb_scales":           {4, 4, 8, 8},
		"resnet20_140kb_sqnr":             {4, 4, 8, 8},
		"resnet20_90kb_hessian":           {2, 2, 8, 8},
		"resnet20_90kb_perturb":           {2, 2, 8, 8},
		"resnet20_90kb_scales":            {2, 2, 8, 8},
		"resnet20_90kb_sqnr":              {2, 2, 8, 8},
		"resnet20_additive_noise":         {4, FP, Same, FP},
		"resnet20_affine_w8a8":            {8, 8, 8, 8},
		"resnet20_affine_w8a8_ptq":        {8, 8, 8, 8},
		"resnet20_apot_w4a4":              {4, 4, 8, FP},
		"resnet20_binary_connect":         {1, FP, Same, FP},
		"resnet20_bireal":                 {1, 1, FP, FP},
		"resnet20_bireal_w1":              {1, FP, FP, FP},
		"resnet20_bnn":                    {1, 1, FP, FP},
		"resnet20_bnn_w1":                 {1, FP, Same, FP},
		"resnet20_bwn":                    {1, FP, FP, FP},
		"resnet20_dorefa_w4a4":            {4, 4, FP, FP},
		"resnet20_dq":                     {4, 4, 8, 8},
		"resnet20_dsq_w2a2":               {2, 2, FP, FP},
		"resnet20_ewgs_w2a2":              {2, 2, FP, FP},
		"resnet20_fp32":                   {FP, FP, FP, FP},
		"resnet20_fracbits":               {4, 4, 8, 8},
		"resnet20_hwgq":                   {1, 2, FP, FP},
		"resnet20_inq_w5":                 {5, FP, Same, FP},
		"resnet20_irnet_w1a1":             {1, 1, FP, FP},
		"resnet20_irnet_w1":               {1, FP, FP, FP},
		"resnet20_kmeans_w4":              {4, FP, Same, FP},
		"resnet20_lq_nets_w2a2":           {2, 2, FP, FP},
		"resnet20_lsq_plus_w4a4":          {4, 4, 8, FP},
		"resnet20_lsq_w4a4":               {4, 4, 8, FP},
		"resnet20_pact_w4a4":              {4, 4, FP, FP},
		"resnet20_pot_w4":                 {4, FP, Same, FP},
		"resnet20_qil_w4a4":               {4, 4, FP, FP},
		"resnet20_quant_noise":            {4, FP, Same, FP},
		"resnet20_reactnet":               {1, 1, FP, FP},
		"resnet20_reactnet_w1":            {1, FP, FP, FP},
		"resnet20_reste_w1":               {1, FP, FP, FP},
		"resnet20_sawb_pact_w2a2":         {2, 2, FP, FP},
		"resnet20_stochastic_w4a4":        {4, 4, 8, 8},
		"resnet20_ttq":                    {2, FP, FP, FP},
		"resnet20_twn":                    {2, FP, FP, FP},
		"resnet20_w1a1":                   {1, 1, 8, 8},
		"resnet20_w2a2":                   {2, 2, 8, 8},
		"resnet20_w3a3":                   {3, 3, 8, 8},
		"resnet20_w4a4":                   {4, 4, 8, 8},
		"resnet20_w8_to_w2":               {2, 2, 8, 8},
		"resnet20_w8a8":                   {8, 8, 8, 8},
		"resnet20_wrpn_w4a4":              {4, 4, FP, FP},
		"resnet20_xnor":                   {1, 1, FP, FP},
		"resnet20_xnor_w1":                {1, FP, FP, FP},
	}
	names := Names()
	if len(names) != len(wantBits) {
		t.Errorf("Names() lists %d configs, wanted %d", len(names), len(wantBits))
	}
	for _, e := range names {
		for _, spelling := range []string{e.Name, e.Name + ".yaml", "configs/" + e.Name + ".yaml"} {
			c := mustLoad(t, spelling)
			if c.Name != e.Name || c.Description != e.Description || e.Description == "" || strings.Contains(e.Description, "\n") {
				t.Errorf("%s: name %q, description %q, listed as %+v", spelling, c.Name, c.Description, e)
			}
			q := c.Quant
			if got := [4]Bits{q.Weights.Bits, q.Activations.Bits, q.FirstLast, q.Residual}; got != wantBits[e.Name] {
				t.Errorf("%s: bits %v, wanted %v", spelling, got, wantBits[e.Name])
			}
		}
	}
	c := mustLoad(t, "resnet20_w4a4")
	if c.Model.Init != EmbeddedInit+"resnet20_cifar10" || c.Train.Epochs != 4 || c.Train.LR != 0.01 || c.Train.Optimizer.WeightDecay != 1e-4 {
		t.Errorf("resnet20_w4a4: %+v", c)
	}
	if got, want := c.Origin("train.lr"), "embedded:_base/cifar10_finetune.yaml:"; !strings.HasPrefix(got, want) {
		t.Errorf("origin of train.lr is %q, wanted %s...", got, want)
	}
}
