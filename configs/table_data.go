package configs

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/syntax"
)

// folderFields are keys of data sets of images in files.
var folderFields = []field{
	{key: "size", doc: "Height and width of what the network sees.", kind: integer{1, 4096}, def: 224, at: func(c *Config) any { return &c.Data.Folder.Size }},
	{key: "classes", doc: "Names of the classes, in the order of the labels; `[]` is the folders of the directory, in the order of their names, or those that `arrays` have labels of.", kind: classNames{}, def: []string{}, at: func(c *Config) any { return &c.Data.Folder.Classes }},
	{key: "shorter_side", doc: "Pixels that the shorter side of an image is resized to before its middle is cut out, in evaluation and where `augment.resized_crop` is off; 0 is 8/7 of `size`, rounded.", kind: integer{0, 65535}, def: 0, at: func(c *Config) any { return &c.Data.Folder.Fit.ShorterSide }},
	{key: "resize", doc: "Filter that images are resized by, as in Pillow.", kind: enum[Resize]{values: []Resize{Bilinear, Bicubic}}, def: Bilinear, at: func(c *Config) any { return (*Resize)(&c.Data.Folder.Fit.Filter) }},
	{key: "exif", doc: "Orientation tags of images: `ignore` them, as Pillow's loader does, or `apply` them.", kind: enum[EXIF]{values: []EXIF{IgnoreEXIF, ApplyEXIF}}, def: IgnoreEXIF, at: func(c *Config) any { return &c.Data.EXIF }},
	{key: "test_share", doc: "Share of each class's images that is the test set where the directory holds `CLASS/*` instead of `train/CLASS/*` and `val/CLASS/*`, or `x` and `y` of `arrays`.", kind: real{zero: inclusive, upper: exclusive, max: 1}, def: DefaultTestShare, at: func(c *Config) any { return &c.Data.Folder.TestShare }},
	{key: "split_seed", doc: "Seed that chooses the images of `test_share`.", kind: seed{}, def: uint64(0), at: func(c *Config) any { return &c.Data.Folder.SplitSeed }},
	{key: "max_broken", doc: "Images that may be unreadable; more end the run. Each is named; training takes the next image in its place, evaluation leaves it out.", kind: integer{0, maxInt}, def: 0, at: func(c *Config) any { return &c.Data.MaxBroken }},
}

// DefaultTestShare is data.test_share where nothing is said.
const DefaultTestShare = 0.2

// Resize is a filter that images are resized by.
type Resize string

const (
	Bilinear Resize = "bilinear"
	Bicubic  Resize = "bicubic"
)

// EXIF says what becomes of orientation tags.
type EXIF string

const (
	IgnoreEXIF EXIF = "ignore"
	ApplyEXIF  EXIF = "apply"
)

var augmentFields = []field{
	{key: "crop", doc: "Pixels of zero padding on each side before a random crop back to size; 0 is off.", kind: integer{0, 31}, def: 4, at: func(c *Config) any { return &c.Data.Augment.Crop }},
	{key: "flip", doc: "Mirror each image with probability 1/2.", kind: boolean{}, def: true, at: func(c *Config) any { return &c.Data.Augment.Flip }},
	{key: "resized_crop", doc: "Cut a random part out and resize it (torchvision's RandomResizedCrop).", kind: boolean{}, def: false, at: func(c *Config) any { return &c.Data.Augment.ResizedCrop }},
	{key: "scale", doc: "`resized_crop` only: least and most share of the image's area.", kind: pair{1}, def: [2]float64{0.08, 1}, at: func(c *Config) any { return &c.Data.Augment.Scale }},
	{key: "ratio", doc: "`resized_crop` only: least and most width over height.", kind: pair{1000}, def: [2]float64{0.75, 4. / 3}, at: func(c *Config) any { return &c.Data.Augment.Ratio }},
	{key: "color_jitter", doc: "Change colors at random (torchvision's ColorJitter): factors in [max(0, 1-v), 1+v].", fields: []field{
		{key: "brightness", doc: "Of the brightness.", kind: real{zero: inclusive, upper: inclusive, max: 10}, def: 0.0, at: func(c *Config) any { return &c.Data.Augment.Jitter.Brightness }},
		{key: "contrast", doc: "Of the contrast.", kind: real{zero: inclusive, upper: inclusive, max: 10}, def: 0.0, at: func(c *Config) any { return &c.Data.Augment.Jitter.Contrast }},
		{key: "saturation", doc: "Of the saturation.", kind: real{zero: inclusive, upper: inclusive, max: 10}, def: 0.0, at: func(c *Config) any { return &c.Data.Augment.Jitter.Saturation }},
		{key: "hue", doc: "The hue turns by a share of the circle in [-v, v].", kind: real{zero: inclusive, upper: inclusive, max: 0.5}, def: 0.0, at: func(c *Config) any { return &c.Data.Augment.Jitter.Hue }},
	}},
}

// classNames is a list of names that differ, as []string. It may be longer than other lists: ImageNet-21K has 21,841 classes.
type classNames struct{}

const maxClasses = 65536

var className = text{what: "a name, without control characters", pattern: nonEmpty}

func (classNames) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.List || len(n.Items) > maxClasses {
		return nil, errKind
	}
	names, seen := make([]string, 0, len(n.Items)), map[string]bool{}
	errs := ErrorList{}
	for _, it := range n.Items {
		v, err := className.parse(it)
		switch {
		case it.Kind == syntax.Bad:
		case err != nil:
			errs.Report(it.Pos, "%s", wanted(className, it, err))
		case seen[v.(string)]:
			errs.Report(it.Pos, "%s is listed twice", className.format(v))
		default:
			seen[v.(string)] = true
			names = append(names, v.(string))
		}
	}
	if len(names) < len(n.Items) {
		return nil, errs
	}
	return names, nil
}
func (classNames) format(v any) string { return list[string]{className}.format(v) }
func (classNames) describe() string    { return fmt.Sprintf("a list of at most %d names", maxClasses) }
func (classNames) schema() map[string]any {
	return map[string]any{"type": "array", "items": className.schema(), "uniqueItems": true, "maxItems": maxClasses}
}

// pair is two numbers above 0, the second not below the first and at most max, as [2]float64.
type pair struct{ max float64 }

func (k pair) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.List || len(n.Items) != 2 {
		return nil, errKind
	}
	var v [2]float64
	for i, it := range n.Items {
		x, err := real{zero: exclusive, upper: inclusive, max: k.max}.parse(it)
		if err != nil {
			return nil, errKind
		}
		v[i] = x.(float64)
	}
	if v[0] > v[1] {
		return nil, errKind
	}
	return v, nil
}

func (pair) format(v any) string {
	p := v.([2]float64)
	return "[" + strconv.FormatFloat(p[0], 'g', -1, 64) + ", " + strconv.FormatFloat(p[1], 'g', -1, 64) + "]"
}

func (k pair) describe() string {
	return fmt.Sprintf("two numbers [least, most], above 0 and at most %v", k.max)
}

func (k pair) schema() map[string]any {
	return map[string]any{"type": "array", "items": real{zero: exclusive, upper: inclusive, max: k.max}.schema(), "minItems": 2, "maxItems": 2}
}

// ofFiles tells that the images of the data set are files of any size.
func (d Dataset) ofFiles() bool { return datasets.OfFiles(string(d)) }

// dataRules are about keys that have no effect.
func dataRules() (rules []crossRule) {
	only := func(f field, prefix, wanted string, has func(*Config) bool) {
		path := prefix + f.key
		rules = append(rules, crossRule{[]string{path, "data.dataset", "data.augment.resized_crop"}, func(c *Config) string {
			if has(c) || reflect.DeepEqual(valueAt(f.at(c)), f.def) {
				return ""
			}
			return fmt.Sprintf("%s has no effect %s; remove it", path, wanted)
		}})
	}
	for _, f := range folderFields {
		arrays := f.key == "classes" || f.key == "test_share" || f.key == "split_seed"
		only(f, "data.", "on data sets whose images are no files", func(c *Config) bool {
			return c.Data.Dataset.ofFiles() || arrays && c.Data.Dataset.OfArrays()
		})
	}
	for _, f := range arraysFields {
		only(f, "data.arrays.", "on data sets that are no arrays", func(c *Config) bool { return c.Data.Dataset.OfArrays() })
	}
	only(labelsField(), "data.", "on data sets with one set of labels", func(c *Config) bool { return datasets.Labels(string(c.Data.Dataset)) != nil })
	rules = append(rules, statisticRules()...)
	for _, f := range augmentFields {
		if f.key == "scale" || f.key == "ratio" {
			only(f, "data.augment.", "without data.augment.resized_crop", func(c *Config) bool { return c.Data.Augment.ResizedCrop })
		}
	}
	return append(rules, crossRule{[]string{"data.augment.crop", "data.augment.resized_crop"}, func(c *Config) string {
		if c.Data.Augment.ResizedCrop && c.Data.Augment.Crop > 0 {
			return "data.augment.crop pads and crops what data.augment.resized_crop has cropped; set it to 0"
		}
		return ""
	}})
}

// Folder is what images in files become.
func (d Data) folder() datasets.Folder {
	f := d.Folder
	f.Fit.Turn = d.EXIF == ApplyEXIF
	if f.Fit.ShorterSide == 0 {
		f.Fit.ShorterSide = (f.Size*8 + 3) / 7 // 256 of 224
	}
	return f
}

// Options are those of a loader of training images.
func (a Augment) Options() datasets.Augment {
	o := datasets.Augment{Crop: a.Crop, Flip: a.Flip, Jitter: a.Jitter}
	if a.ResizedCrop {
		o.ResizedCrop = datasets.ResizedCrop{Scale: a.Scale, Ratio: a.Ratio}
	}
	return o
}
