package onnx

import "google.golang.org/protobuf/encoding/protowire"

// The numbers of the fields that are written and read, by message.
const (
	modelIR        protowire.Number = 1
	modelProducer  protowire.Number = 2
	modelDoc       protowire.Number = 6
	modelGraph     protowire.Number = 7
	modelOpset     protowire.Number = 8
	modelMetadata  protowire.Number = 14
	modelFunctions protowire.Number = 25

	opsetDomain  protowire.Number = 1
	opsetVersion protowire.Number = 2

	propertyKey   protowire.Number = 1
	propertyValue protowire.Number = 2

	graphNode        protowire.Number = 1
	graphName        protowire.Number = 2
	graphInitializer protowire.Number = 5
	graphInput       protowire.Number = 11
	graphOutput      protowire.Number = 12

	nodeInput     protowire.Number = 1
	nodeOutput    protowire.Number = 2
	nodeName      protowire.Number = 3
	nodeOp        protowire.Number = 4
	nodeAttribute protowire.Number = 5
	nodeDomain    protowire.Number = 7

	attributeName protowire.Number = 1
	attributeI    protowire.Number = 3
	attributeS    protowire.Number = 4
	attributeInts protowire.Number = 8
	attributeType protowire.Number = 20
	attributeRef  protowire.Number = 21

	tensorDims protowire.Number = 1
	tensorType protowire.Number = 2
	tensorName protowire.Number = 8
	tensorRaw  protowire.Number = 9

	valueName   protowire.Number = 1
	valueType   protowire.Number = 2
	typeTensor  protowire.Number = 1
	typeElement protowire.Number = 1
	typeShape   protowire.Number = 2
	shapeDim    protowire.Number = 1
	dimValue    protowire.Number = 1
	dimParam    protowire.Number = 2

	functionName      protowire.Number = 1
	functionInput     protowire.Number = 4
	functionOutput    protowire.Number = 5
	functionAttribute protowire.Number = 6
	functionNode      protowire.Number = 7
	functionDoc       protowire.Number = 8
	functionOpset     protowire.Number = 9
	functionDomain    protowire.Number = 10
)

// Values of AttributeProto.type.
const (
	typeInt    = 2
	typeString = 3
	typeInts   = 7
)
