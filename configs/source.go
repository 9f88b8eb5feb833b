package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/syntax"
)

// source is one config file, on disk or embedded.
type source struct {
	embedded bool
	path     string // embedded: slash-separated, from the root of the embedded tree
}

// name is how errors and origins call the source.
func (s source) name() string {
	if s.embedded {
		return EmbeddedFile + s.path
	}
	return filepath.ToSlash(s.path)
}

// id is the same for every way to write the path.
func (s source) id() string {
	if !s.embedded {
		if abs, err := filepath.Abs(s.path); err == nil {
			return abs
		}
	}
	return s.name()
}

// maxSize is far above any config, and keeps a mistaken path to a checkpoint
// from being read whole.
const maxSize = 1 << 20

// noConfig are files that a command line mixes up with configs. Of others the parser says
// what is wrong, and where.
var noConfig = []filetype.Kind{filetype.Checkpoint, filetype.Export, filetype.Float, filetype.Safetensors, filetype.PyTorch, filetype.ONNX, filetype.NPZ, filetype.NPY,
	filetype.JPEG, filetype.PNG, filetype.Image, filetype.CIFAR, filetype.Archive}

func (s source) read(what string) ([]byte, error) {
	if s.embedded {
		return embedded.ReadFile(s.path)
	}
	if kind, err := filetype.Of(s.path); err == nil && slices.Contains(noConfig, kind) {
		return nil, fmt.Errorf("is %s; wanted a %s, a YAML file", kind, what)
	}
	b, err := regular.Read(s.path, maxSize)
	if size := (*regular.SizeError)(nil); errors.As(err, &size) {
		return nil, fmt.Errorf("larger than %d bytes, so not a %s", maxSize, what)
	}
	return b, cause(err)
}

// cause drops the path that the caller reports anyway.
func cause(err error) error {
	if e := (*regular.KindError)(nil); errors.As(err, &e) {
		return fmt.Errorf("is %s; wanted a config file", e.Kind)
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return fmt.Errorf("cannot read: %w", e.Err)
	}
	return err
}

// embeddedSource finds an embedded config by name, with or without ".yaml".
func embeddedSource(name string) (source, bool) {
	for _, p := range []string{path.Clean(name), path.Clean(name) + ".yaml"} {
		if info, err := fs.Stat(embedded, p); err == nil && !info.IsDir() {
			return source{embedded: true, path: p}, true
		}
	}
	return source{}, false
}

// locate finds what Load is asked for.
func locate(nameOrPath string) (source, error) {
	info, err := os.Stat(nameOrPath)
	if err == nil && !info.IsDir() {
		return source{path: nameOrPath}, nil
	}
	name := filepath.ToSlash(nameOrPath)
	if dir, base := path.Split(name); path.Base(dir) == "configs" {
		name = base
	}
	if src, ok := embeddedSource(name); ok {
		return src, nil
	}
	switch {
	case err == nil:
		kind, _ := filetype.Of(nameOrPath)
		return source{}, fmt.Errorf("is %s; wanted a config, a YAML file", kind)
	case !errors.Is(err, fs.ErrNotExist):
		return source{}, cause(err)
	}
	near := syntax.Nearest(strings.TrimSuffix(path.Base(name), ".yaml"), embeddedNames())
	return source{}, errors.New("no such file or embedded config" + syntax.DidYouMean(near[:min(len(near), 3)]) + "; \"qat config list\" has all")
}

// base finds a file that s names: what it extends, or its network.
func (s source) base(name, what string) (source, error) {
	if s.embedded {
		if src, ok := embeddedSource(path.Join(path.Dir(s.path), filepath.ToSlash(name))); ok {
			return src, nil
		}
		return source{}, fmt.Errorf("no embedded %s %q", what, name)
	}
	p := name
	if !filepath.IsAbs(p) {
		p = filepath.Join(filepath.Dir(s.path), filepath.FromSlash(name))
	}
	info, err := os.Stat(p)
	if err == nil && !info.IsDir() {
		return source{path: p}, nil
	}
	if src, ok := embeddedSource(filepath.ToSlash(name)); ok {
		return src, nil
	}
	var near []string
	if what == "network" {
		near = nearNetworks(name)
	}
	return source{}, fmt.Errorf("no file %q and no embedded %s %q%s", filepath.ToSlash(p), what, name, syntax.DidYouMean(near))
}

// nearNetworks are the embedded networks that a name could mean, with or without folder and ".yaml".
func nearNetworks(name string) (near []string) {
	word := strings.TrimSuffix(path.Base(filepath.ToSlash(name)), ".yaml")
	for _, file := range NetworkNames() {
		if len(syntax.Nearest(word, []string{strings.TrimSuffix(path.Base(file), ".yaml")})) > 0 {
			near = append(near, file)
		}
	}
	return near
}

// loader reads a config with all it extends, each file once.
type loader struct {
	errs    ErrorList
	meant   []string             // keys, or sections, that are there by another word, which is reported
	loading []string             // ids from the root down to the current file
	done    map[string]*document // by id
}

func newLoader() *loader { return &loader{done: map[string]*document{}} }

func (l *loader) report(at Pos, format string, args ...any) { l.errs.Report(at, format, args...) }

// maxExtends bounds the chain of files; symbolic links can make it endless.
const maxExtends = 32

// load returns what src and the files it extends say.
func (l *loader) load(src source) *document {
	id := src.id()
	if doc, ok := l.done[id]; ok {
		return doc
	}
	l.loading = append(l.loading, id)
	doc := newDocument()
	content, err := src.read("config")
	if err != nil {
		l.report(Pos{File: src.name()}, "%v", err)
		doc.markBad(table(), "", Pos{File: src.name()})
	} else {
		doc = l.parse(src, content)
	}
	l.loading = l.loading[:len(l.loading)-1]
	l.done[id] = doc
	return doc
}

func (l *loader) parse(src source, content []byte) *document {
	root := syntax.Parse(content, func(line, column int) Pos {
		return Pos{File: src.name(), Line: line, Column: column}
	}, &l.errs)
	if root.Kind == syntax.Null { // a file of comments
		root.Kind = syntax.Map
	}
	own := l.decode(root)
	l.either(own)
	l.network(own, src)
	doc := newDocument()
	extends, given := own.values["extends"]
	delete(own.values, "extends")
	if extends.bad {
		doc.markBad(table(), "", extends.pos)
	} else if given {
		for _, name := range extends.value.([]*syntax.Node) {
			doc.merge(l.extend(src, name.Text, name.Pos))
		}
	}
	l.expand(own)
	doc.merge(own)
	return doc
}

func (l *loader) extend(src source, name string, at Pos) *document {
	base, err := src.base(name, "config")
	switch {
	case err != nil:
		l.report(at, "extends: %v", err)
	case slices.Contains(l.loading, base.id()):
		l.report(at, "extends: %q is a cycle; it leads back to this file", name)
	case len(l.loading) >= maxExtends:
		l.report(at, "extends: more than %d files deep", maxExtends)
	default:
		return l.load(base)
	}
	doc := newDocument()
	doc.markBad(table(), "", at)
	return doc
}
