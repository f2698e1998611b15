package cmdline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxSecretFile is the size of the largest file with a secret in bytes.
const maxSecretFile = 16 << 10

// Open opens a file to read; "-" is standard input.
func Open(path string, stdin io.Reader) (f io.ReadCloser, size int64, err error) {
	if path == "-" {
		return io.NopCloser(stdin), 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return file, size, nil
}

// ReadSmall reads a whole small file.
func ReadSmall(path string, stdin io.Reader, limit int) (_ []byte, err error) {
	f, _, err := Open(path, stdin)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		clear(data)
		return nil, fmt.Errorf("%s is larger than %d bytes: is it the right file?", path, limit)
	}
	return data, nil
}

// ReadSecret reads a file that holds one secret on one line; the line break at its
// end does not belong to it.
func ReadSecret(path string, stdin io.Reader) ([]byte, error) {
	data, err := ReadSmall(path, stdin, maxSecretFile)
	if err != nil {
		return nil, err
	}
	if line, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		data = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return data, nil
}
