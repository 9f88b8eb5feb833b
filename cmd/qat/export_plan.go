package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/train"
)

// exportPlan is what an export will write.
type exportPlan struct {
	exports     []train.Exported
	nets        []*integer.Network // with the targets of exports
	certificate string
	directory   string // to be made if it is missing
}

// floatExtension is that of float weights, which leaves an integer network beside them in its place.
const floatExtension = "float.safetensors"

// plan checks all formats. dir is where the files go unless --output says otherwise.
func (o *exportOptions) plan(net *integer.Network, options export.Options, dir string) (*exportPlan, error) {
	p := &exportPlan{}
	single := ""
	if o.output != "" {
		info, err := os.Stat(o.output)
		isDir := err == nil && info.IsDir()
		if isDir || len(o.formats) > 1 || os.IsPathSeparator(o.output[len(o.output)-1]) {
			dir, p.directory = o.output, o.output
		} else {
			single = o.output
		}
	}
	for _, name := range o.formats {
		format := configs.Format(name)
		extension := export.Extension(format)
		if o.float {
			extension = floatExtension
		}
		file := filepath.Join(dir, "model."+extension)
		if single != "" {
			file = single
		}
		if o.float {
			p.exports = append(p.exports, train.FloatExport(file))
			continue
		}
		e, of, err := train.PlanExport(net, file, format, configs.Target(net.Target.String()), options)
		if err != nil {
			return nil, err
		}
		p.exports, p.nets = append(p.exports, e), append(p.nets, of)
	}
	first, extension := p.exports[0].Files[0], "."+export.Extension(p.exports[0].Format)
	p.certificate = strings.TrimSuffix(strings.TrimSuffix(first, extension), filepath.Ext(first)) + ".verify.json"
	return p, nil
}

// kinds are what the files of a format are.
var kinds = map[configs.Format]filetype.Kind{
	configs.Safetensors: filetype.Export, configs.ONNX: filetype.ONNX, configs.QONNX: filetype.ONNX, configs.NPZ: filetype.NPZ, configs.C: filetype.C,
}

// protect reports what is in the place of the files, unless it is an earlier export or
// --force was given, and makes the directory.
func (o *exportOptions) protect(c *cobra.Command, p *exportPlan) error {
	dir := filepath.Dir(p.exports[0].Files[0])
	if err := filetype.CheckFolder(dir, "a folder for the export"); err != nil {
		return err
	}
	if p.directory == "" {
		if err := inFolder(c, p.exports[0].Files[0]); err != nil {
			return err
		}
	}
	var errs []error
	for _, e := range p.exports {
		for _, file := range e.Files {
			kind := kinds[e.Format]
			if o.float {
				kind = filetype.Float
			}
			errs = append(errs, replaceable(c, file, kind, o.force))
		}
	}
	if o.verify {
		errs = append(errs, replaceable(c, p.certificate, filetype.JSON, o.force))
	}
	if err := errors.Join(errs...); err != nil || p.directory == "" {
		return err
	}
	return os.MkdirAll(p.directory, 0o777)
}

// inFolder reports a file whose folder is missing, before what it is to hold is computed.
func inFolder(c *cobra.Command, path string) error {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); err != nil {
		return usagef(c, "%s: the folder %s is missing", path, dir)
	}
	return nil
}

// writable reports a file that cannot take the place of what is there, as replaceable, or has no folder.
func writable(c *cobra.Command, path string, kind filetype.Kind, force bool) error {
	if err := inFolder(c, path); err != nil {
		return err
	}
	return replaceable(c, path, kind, force)
}

// replaceable reports a file that is not of the kind that will take its place; with
// force, it says so on stderr. A folder is never replaced.
func replaceable(c *cobra.Command, path string, kind filetype.Kind, force bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return usagef(c, "%s is a folder; a file is to be written there", path)
	}
	found := "a symbolic link"
	if info.Mode()&fs.ModeSymlink == 0 {
		got, err := filetype.Of(path)
		switch {
		case err != nil && !force:
			return fmt.Errorf("%s: cannot tell what would be replaced: %w", path, err)
		case err != nil:
			got = filetype.Unknown
		case got == kind || got == filetype.Empty:
			return nil
		}
		found = string(got)
	}
	if force {
		reading(force, c.ErrOrStderr()).Note("warning: %s is %s; it is replaced all the same", path, found)
		return nil
	}
	return usagef(c, "%s is %s, which would be replaced; name another path, or give --force", path, found)
}
