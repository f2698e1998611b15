package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"

	"ostiary/bench/wireread"
)

// perAddress is how many refusals come from one address where all are to be recorded:
// fewer than after which a caller's are counted only.
const perAddress = 40

// caller presents codes over one connection at a time.
type caller struct {
	*setting
	recorded bool

	conn    net.Conn
	in      *bufio.Reader
	left    int
	address int
	request []byte
}

// exhaust has so many codes refused that the next ones are counted only.
func (c *caller) exhaust() error {
	nobody := &refusals{field: "serial", names: c.serials["unknown"], otp: wrong}
	for i := range 200 {
		if _, err := c.refused(nobody, i); err != nil {
			return err
		}
	}
	return nil
}

// refused presents sample i of a case, and gives how long the answer took.
func (c *caller) refused(r *refusals, i int) (took time.Duration, err error) {
	if err := c.connect(); err != nil {
		return 0, err
	}
	name := r.names[i%len(r.names)]
	otp, err := right(name) // for each case, so that as much comes before what is measured
	if err != nil {
		return 0, err
	}
	if r.otp != "" {
		otp = r.otp
	}
	body := fmt.Sprintf(`{"%s":"%s","otp":"%s"}`, r.field, name, otp)
	c.request = fmt.Appendf(c.request[:0], "POST /api/v1/verify HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "+
		"%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", c.key, len(body), body)
	sent := time.Now()
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, err
	}
	answer, err := wireread.Answer(c.in)
	took = time.Since(sent)
	if err == nil && !bytes.HasPrefix(answer, []byte(`{"valid":false}`)) {
		err = fmt.Errorf("the answer is %s", answer)
	}
	return took, err
}

// connect makes a connection, from another address now and then where refusals are to be
// recorded.
func (c *caller) connect() error {
	if c.left--; c.conn != nil && (c.left > 0 || !c.recorded) {
		return nil
	}
	c.close()
	c.address++
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(c.address>>8), byte(c.address))}}
	conn, err := from.Dial("tcp", strings.TrimPrefix(c.server.URL, "http://"))
	if err != nil {
		return err
	}
	c.conn, c.in, c.left = conn, bufio.NewReaderSize(conn, 4096), perAddress
	return nil
}

func (c *caller) close() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
}
