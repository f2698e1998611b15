package peer

import (
	"errors"
	"fmt"

	"ostiary/internal/core/printable"
)

const maxClient = 64 // bytes

// Client reads the text by which a gateway names the client that it speaks for: an IP
// address, or a name of 1 to 64 bytes that can be printed, such as the Calling-Station-Id
// of RADIUS (RFC 2865, section 5.31). An address comes back in one spelling (RFC 5952),
// without port and zone, an IPv4-mapped one as its IPv4, so that it is the same client
// however it is written. Name says what it is counted by.
func Client(text string) (string, error) {
	if len(text) > maxClient {
		return "", fmt.Errorf("it is longer than %d bytes", maxClient)
	}
	if printable.Check(text, maxClient) != "" {
		return "", errors.New("it is empty, begins or ends with a space, or has a character that does not print")
	}
	if a, ok := address(text); ok {
		text = a.Unmap().WithZone("").String()
	}
	return text, nil
}
