// Package wireread reads answers of HTTP for measurements, with as little work as can be.
package wireread

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// Answer reads one HTTP/1.1 answer with a Content-Length and gives its body. A client
// that does more would take longer than the server.
func Answer(in *bufio.Reader) ([]byte, error) {
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 {
		return nil, errors.New("an answer without a length")
	}
	body := make([]byte, length)
	_, err := io.ReadFull(in, body)
	return body, err
}
