package datasets

var cifar10Classes = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

// cifar10Set is CIFAR-10. Size and checksum are those that TensorFlow Datasets records for this address
// (tensorflow_datasets/url_checksums/cifar10.txt).
var cifar10Set = newCIFAR(cifar{
	archive: archive{
		dataset: "cifar10",
		url:     "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		sha256:  "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
		size:    170052171,
		folder:  "cifar-10-batches-bin",
	},
	files:   []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"},
	labels:  1,
	classes: cifar10Classes,
})

var _ = Register(cifar10Set.source(Source{Name: "cifar10"}))
