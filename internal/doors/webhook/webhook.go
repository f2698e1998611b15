// Package webhook posts events to an address, signed as the open specification Standard
// Webhooks says (https://www.standardwebhooks.com), so that receivers find libraries for
// most languages:
//
//	webhook-id         the ID of the event, the same in each try
//	webhook-timestamp  the time of the try, in seconds since 1970
//	webhook-signature  "v1," and the base64 of the HMAC-SHA-256 over "ID.TIMESTAMP.BODY";
//	                   several, with blanks between, while a key is replaced
//
// The time is signed, so a receiver refuses what somebody has recorded and sends again later.
//
// It goes to the address that was given, and nowhere else: no redirect is followed, and no
// proxy of the environment is used. Certificates are verified. Errors have neither the
// address nor what was answered: both may hold a secret.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ostiary/internal/engine/events"
	"ostiary/internal/seal"
)

// Name is that of this way.
const Name = "webhook"

// keyPrefix stands before the base64 of a key, as the specification says.
const keyPrefix = "whsec_"

// The bounds of a key in bytes, as the specification says.
const (
	keySize = 32
	minKey  = 24
	maxKey  = 64
)

const maxKeys = 3

// NewKey draws a key in its text form.
func NewKey() seal.Secret {
	raw := make([]byte, keySize)
	_, _ = rand.Read(raw) // never fails
	return seal.NewSecret([]byte(keyPrefix + base64.StdEncoding.EncodeToString(raw)))
}

// Keys are those that sign. While the receiver changes from one to another, there are two.
type Keys []seal.Secret

// ParseKeys reads keys, one on each line. Its error shows none of them.
func ParseKeys(text []byte) (keys Keys, err error) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		body, ok := strings.CutPrefix(line, keyPrefix)
		key, err := base64.StdEncoding.Strict().DecodeString(body)
		if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
			return nil, fmt.Errorf("line %d is no key: a key is %s and the base64 of %d to %d bytes", len(keys)+1, keyPrefix,
				minKey, maxKey)
		}
		keys = append(keys, seal.NewSecret(key))
	}
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, fmt.Errorf("there must be 1 to %d keys, one on each line", maxKeys)
	}
	return keys, nil
}

// Sign gives the value of webhook-signature.
func (k Keys) Sign(id string, at int64, body []byte) string {
	signatures := make([]string, len(k))
	for i, key := range k {
		mac := hmac.New(sha256.New, key.Bytes())
		fmt.Fprintf(mac, "%s.%d.", id, at)
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

// CheckURL refuses an address to which names of users and passwords of activations would go in
// the clear. Its error does not have the address, which may hold a secret.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("it must be an address such as https://intranet.example.com/hook, without a user name and " +
			"without #")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" &&
		(ip == nil || !ip.IsLoopback()) {
		return errors.New("it must begin with https, unless the receiver is on this machine: events name users and their tokens")
	}
	return nil
}

// Hook posts events to an address. It is safe for concurrent use.
type Hook struct {
	address string
	keys    Keys
	client  *http.Client
	now     func() time.Time
}

// Config is what a Hook needs. Roots, if set, are trusted instead of those of the system.
type Config struct {
	URL   string
	Keys  Keys
	Roots *x509.CertPool
	Now   func() time.Time
}

const (
	connectTimeout = 5 * time.Second
	headerTimeout  = 8 * time.Second
	maxConnections = 8
	maxAnswer      = 64 << 10
)

// New makes a Hook.
func New(cfg Config) (*Hook, error) {
	if err := CheckURL(cfg.URL); err != nil {
		return nil, err
	}
	if len(cfg.Keys) == 0 {
		return nil, errors.New("webhook: no key")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Hook{address: cfg.URL, keys: cfg.Keys, now: cfg.Now, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: nil, DialContext: (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots},
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: headerTimeout, MaxResponseHeaderBytes: maxAnswer, MaxConnsPerHost: maxConnections,
			MaxIdleConnsPerHost: maxConnections, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}}}, nil
}

// Name is that of the way.
func (h *Hook) Name() string { return Name }

// Send posts a message. Any status of 200 to 299 takes it.
func (h *Hook) Send(ctx context.Context, m events.Message) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address, bytes.NewReader(m.Body))
	if err != nil {
		return errors.New("the address cannot be used")
	}
	at := h.now().Unix()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Ostiary")
	req.Header.Set("webhook-id", m.ID)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(at, 10))
	req.Header.Set("webhook-signature", h.keys.Sign(m.ID, at, m.Body))
	resp, err := h.client.Do(req)
	if err != nil {
		return worded(err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return worded(err)
	}
	switch {
	case resp.StatusCode/100 == 3:
		return fmt.Errorf("the receiver answered with status %d, and redirects are not followed", resp.StatusCode)
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("the receiver answered with status %d", resp.StatusCode)
	}
	return nil
}

// worded says in our own words what happened: the library's have the address, and parts of
// what the receiver sent.
func worded(err error) error {
	_, unnamed := errors.AsType[*net.DNSError](err)
	_, unknown := errors.AsType[*tls.CertificateVerificationError](err)
	_, unreached := errors.AsType[*net.OpError](err)
	switch {
	case unnamed:
		return errors.New("the name of the receiver was not found")
	case unknown:
		return errors.New("the certificate of the receiver is not one that this machine trusts, or is of another host")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("the receiver refused the connection")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the receiver did not answer in time")
	case errors.Is(err, context.Canceled):
		return errors.New("the server stopped meanwhile")
	case unreached:
		return errors.New("the receiver was not reached, or broke off")
	}
	return errors.New("the receiver did not answer as HTTP")
}
