package train

import (
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
)

// What keeps a network of one's own from training is told where the config names it.
func TestUntrainableOwnNetwork(t *testing.T) {
	cfg, err := configs.Load("quickstart", []string{"model.init=random", "model.network=networks/residual.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	lacks := &layers.UntrainableError{Causes: []layers.Cause{{Reason: "relu9", Layers: []string{"act"}}}}
	want := `argument "model.network=networks/residual.yaml": model.network: the network cannot be trained yet: relu9 (act)`
	if err := untrainable(cfg, lacks); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if untrainable(cfg, nil) != nil {
		t.Error("a network that can be trained is refused")
	}
}
