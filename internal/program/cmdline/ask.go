package cmdline

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// Ask asks a person a question on a terminal and returns the line that was typed,
// without echo if it is hidden. Ctrl-C, and the end of the context, are
// [context.Canceled]; the terminal is as before then.
func Ask(ctx context.Context, in *os.File, out io.Writer, question string, hidden bool) (line []byte, err error) {
	fd := int(in.Fd())
	// First the echo goes, then the question comes: whoever answers fast is not read by
	// others either.
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, term.Restore(fd, before)) }()
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "")
	type answer struct {
		line string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		var a answer
		if prompt := Printable(question) + " "; hidden {
			a.line, a.err = terminal.ReadPassword(prompt)
		} else {
			terminal.SetPrompt(prompt)
			a.line, a.err = terminal.ReadLine()
		}
		typed <- a
	}()
	select {
	case a := <-typed:
		if a.err == io.EOF { // Ctrl-C or Ctrl-D
			return nil, context.Canceled
		}
		return []byte(a.line), a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
