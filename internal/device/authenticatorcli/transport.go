package authenticatorcli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"ostiary/authenticator"
)

// transport posts by HTTP.
type transport struct{ client *http.Client }

// requestTime is how long a server may take to answer.
const requestTime = 30 * time.Second

func newTransport() authenticator.Transport {
	return transport{&http.Client{
		Timeout:       requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (t transport) Post(ctx context.Context, url string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/cbor")
	resp, err := t.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	answer, err = io.ReadAll(io.LimitReader(resp.Body, authenticator.MaxAnswer+1))
	return resp.StatusCode, answer, err
}
