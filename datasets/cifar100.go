package datasets

import (
	"slices"
	"strings"
)

// cifar100Set is CIFAR-100 with its fine labels. Size and checksum are those that TensorFlow Datasets records for this address
// (tensorflow_datasets/url_checksums/cifar100.txt). A record begins with the coarse label, and the fine one follows.
var cifar100Set = newCIFAR(cifar{
	archive: archive{
		dataset: "cifar100",
		url:     "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
		sha256:  "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
		size:    168513733,
		folder:  "cifar-100-binary",
	},
	files:   []string{"train.bin", "test.bin"},
	labels:  2,
	label:   1,
	classes: cifar100Fine,
})

// Names of the labels of cifar100: Options.Labels.
const (
	FineLabels   = "fine"
	CoarseLabels = "coarse"
)

var _ = Register(withLabels(Options{}))

// withLabels is CIFAR-100 with the labels that the options name.
func withLabels(o Options) Source {
	c := cifar100Set
	if o.Labels == CoarseLabels {
		c.label, c.classes = 0, cifar100Coarse
	}
	return c.source(Source{Name: "cifar100", with: withLabels, labels: []string{FineLabels, CoarseLabels}})
}

// Labels names the sets of labels that a data set lets choose from, the usual one first; nil if it has one.
func Labels(name string) []string {
	s, _ := sources.Named(name)
	return slices.Clone(s.labels)
}

// cifar100Fine and cifar100Coarse are fine_label_names.txt and coarse_label_names.txt of the archive.
var (
	cifar100Fine = strings.Fields(`apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
		caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl
		hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree
		orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea
		seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
		tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm`)
	cifar100Coarse = strings.Fields(`aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
		household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
		large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2`)
)
