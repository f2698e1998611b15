package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// errInput marks errors about a file the caller named, so that they are not
// taken for ones about the server.
var errInput = errors.New("input")

type inputError struct{ err error }

func (e *inputError) Error() string        { return e.err.Error() }
func (e *inputError) Unwrap() error        { return e.err }
func (e *inputError) Is(target error) bool { return target == errInput }

const (
	maxSecretFile     = 16 << 10
	maxCheckpointFile = 64 << 10
	maxReceiptFile    = 16 << 20
)

// open opens a file to read; "-" is standard input.
func (a *app) open(path string) (f io.ReadCloser, size int64, err error) {
	if path == "-" {
		return io.NopCloser(a.Stdin), 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, &inputError{err}
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	if err != nil {
		return nil, 0, &inputError{errors.Join(err, file.Close())}
	}
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return file, size, nil
}

// readSmall reads a whole small file.
func (a *app) readSmall(path string, limit int) (_ []byte, err error) {
	f, _, err := a.open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, &inputError{err}
	}
	if len(data) > limit {
		clear(data)
		return nil, &inputError{fmt.Errorf("%s is larger than %d bytes: is it the right file?", path, limit)}
	}
	return data, nil
}

// readSecret reads a file that holds one secret on one line; the line break at
// its end does not belong to it.
func (a *app) readSecret(path string) ([]byte, error) {
	data, err := a.readSmall(path, maxSecretFile)
	if err != nil {
		return nil, err
	}
	if line, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(data) == 0 {
		return nil, &inputError{fmt.Errorf("%s is empty", path)}
	}
	return data, nil
}
