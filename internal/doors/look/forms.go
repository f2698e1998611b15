package look

import (
	"cmp"
	"errors"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	maxForm  = 16 << 10         // bytes
	formWait = 10 * time.Second // for all of a form
)

// ReadForm reads a form, which must come soon, and not be longer than so many bytes; 0 stands
// for 16 KiB. A file in it is kept in memory.
func ReadForm(w http.ResponseWriter, r *http.Request, size int64) error {
	size = cmp.Or(size, maxForm)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(formWait)) // where the connection has one
	r.Body = http.MaxBytesReader(w, r.Body, size)
	// First, because ParseMultipartForm keeps the error of a form without files to itself.
	if err := r.ParseForm(); err != nil {
		return err
	}
	if err := r.ParseMultipartForm(size); !errors.Is(err, http.ErrNotMultipart) {
		return err
	}
	return nil
}

// KeepsCookies says whether browsers keep the cookie of a session over this connection, as far
// as the server knows: it does not see the TLS of a proxy. publicURL is where browsers reach
// the server.
func KeepsCookies(r *http.Request, publicURL string) bool {
	if r.TLS != nil || strings.HasPrefix(publicURL, "https://") || r.Header.Get("X-Forwarded-Proto") == "https" {
		return true
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	at, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && at.IsLoopback()
}

// Address is one that a page has as it is: of a picture within the page, or for an app on the
// same device. It is made by the server, and never of what strangers have sent.
type Address = template.URL

// Picture is the address of an SVG image that stands in the page itself.
func Picture(svg string) Address {
	return Address("data:image/svg+xml," + url.PathEscape(svg))
}
