package cli

import (
	"errors"
	"io"

	"ostiary/internal/program/cmdline"
)

// errInput marks errors about a file the caller named, so that they are not
// taken for ones about the server.
var errInput = errors.New("input")

type inputError struct{ err error }

func (e *inputError) Error() string        { return e.err.Error() }
func (e *inputError) Unwrap() error        { return e.err }
func (e *inputError) Is(target error) bool { return target == errInput }

const (
	maxCheckpointFile = 64 << 10
	maxReceiptFile    = 16 << 20
	maxCertFile       = 64 << 10
)

// open opens a file to read; "-" is standard input.
func (a *app) open(path string) (f io.ReadCloser, size int64, err error) {
	if f, size, err = cmdline.Open(path, a.Stdin); err != nil {
		return nil, 0, &inputError{err}
	}
	return f, size, nil
}

// readSmall reads a whole small file.
func (a *app) readSmall(path string, limit int) ([]byte, error) {
	return fromFile(cmdline.ReadSmall(path, a.Stdin, limit))
}

// readSecret reads a file that holds one secret on one line; the line break at
// its end does not belong to it.
func (a *app) readSecret(path string) ([]byte, error) {
	return fromFile(cmdline.ReadSecret(path, a.Stdin))
}

// fromFile marks an error as one about a file.
func fromFile(data []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, &inputError{err}
	}
	return data, nil
}
