package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ostiary/internal/doors/wire"
	"ostiary/internal/formats/qr"
	"ostiary/internal/program/cmdline"
)

const pngScale = 8 // pixels of a module

// drawingFlags say where a QR code goes that shows a secret.
type drawingFlags struct {
	terminal bool
	png, svg string
}

func (d *drawingFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&d.terminal, "qr", false, "show the secret here, only once, as a QR code")
	flags.StringVar(&d.png, "png", "", "write it to a new `FILE` as a PNG image")
	flags.StringVar(&d.svg, "svg", "", "write it to a new `FILE` as an SVG image")
}

// drawingTo reads a flag --out: a file by its ending, or "-" for the terminal.
func drawingTo(cmd *cobra.Command, out string) (d drawingFlags, err error) {
	switch {
	case out == "-":
		d.terminal = true
	case strings.HasSuffix(out, ".png"):
		d.png = out
	case strings.HasSuffix(out, ".svg"):
		d.svg = out
	default:
		return d, cmdline.Mistakef(cmd, "--out %s: a code image goes to FILE.png, to FILE.svg, or with - to "+
			"the terminal", out)
	}
	return d, nil
}

func (d *drawingFlags) wanted() bool { return d.terminal || d.png != "" || d.svg != "" }

// drawings are the files of the images, nil where none is wanted.
type drawings struct{ png, svg *os.File }

// open makes the files before there is a secret, which would be lost without
// them. Only their owner can read them, and nothing that is there is replaced.
func (d *drawingFlags) open() (f drawings, err error) {
	create := func(path string) (file *os.File) {
		if path != "" && err == nil {
			file, err = createNew(path)
		}
		return file
	}
	f.png, f.svg = create(d.png), create(d.svg)
	if err != nil {
		f.discard()
	}
	return f, err
}

// discard removes what nothing was written to.
func (f drawings) discard() {
	for _, file := range []*os.File{f.png, f.svg} {
		if file != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}
}

// draw shows the key of the one token that was made.
func (a *app) draw(d drawingFlags, files drawings, made wire.NewTokens) error {
	if !d.wanted() || len(made.Tokens) != 1 {
		files.discard()
		return nil
	}
	err := a.drawText(d, files, made.Tokens[0].URI)
	if err == nil && !a.json {
		a.note("The secret cannot be shown again. Anyone who sees it can use the token.")
	}
	return err
}

// drawText shows a text as a QR code.
func (a *app) drawText(d drawingFlags, files drawings, text string) error {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		files.discard()
		return err
	}
	err = errors.Join(save(files.png, func(w io.Writer) error { return code.PNG(w, pngScale) }),
		save(files.svg, func(w io.Writer) error { return code.SVG(w, qr.SVGOptions{Scale: pngScale}) }))
	if d.terminal && !a.json {
		show := code.Plain
		if cmdline.Terminal(a.Stdout) {
			show = code.Terminal
		}
		err = errors.Join(err, show(a.Stdout))
	}
	return err
}

// save writes a drawing and makes sure that it is whole.
func save(file *os.File, draw func(io.Writer) error) error {
	if file == nil {
		return nil
	}
	var b bytes.Buffer
	err := draw(&b)
	if err == nil {
		_, err = file.Write(b.Bytes())
	}
	if err = errors.Join(err, file.Close()); err != nil {
		err = &inputError{fmt.Errorf("write %s: %w", file.Name(), err)}
	}
	return err
}
